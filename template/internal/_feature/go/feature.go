// Package gadget keeps «gadgets» and gives them back.
package gadget

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// maxName is how long a name may be, in characters.
const maxName = 200

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound means that there is no such «gadget».
	ErrNotFound = errors.New("«gadget» not found")
	// ErrKeyReused means that an idempotency key came again with another «gadget».
	ErrKeyReused = errors.New("idempotency key was used for another «gadget»")
	// ErrUnavailable means that the store does not answer now and may do so later.
	ErrUnavailable = errors.New("«gadget» store is unavailable")
)

// Gadget is «a gadget» as it is now.
type Gadget struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"` // UTC, in microseconds: the precision that all databases share
}

// Draft is what a client asks for.
type Draft struct {
	Name string
}

// FieldFault says what is wrong with one field of a draft.
type FieldFault struct {
	Field  string // its name in JSON
	Detail string
}

// Check returns everything that is wrong with d: a name is 1 to 200 characters that can be seen, and neither begins nor ends
// with a space.
func (d Draft) Check() []FieldFault {
	length := utf8.RuneCountInString(d.Name)
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if length == 0 || length > maxName || strings.Trim(d.Name, " ") != d.Name || strings.ContainsFunc(d.Name, control) {
		return []FieldFault{{"name", "must be 1 to 200 characters that can be seen, without spaces around them"}}
	}
	return nil
}
