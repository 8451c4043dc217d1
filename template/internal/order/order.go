// Seeded: written once; an update of the template leaves it to you.

// Package order takes orders and gives them back. It is the example feature: a folder with its types, its rules, its
// HTTP handlers and its store.
package order

import (
	"errors"
	"regexp"
	"time"
)

// MaxQuantity is the most that one order can ask for.
const MaxQuantity = 10_000

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound means that there is no such order.
	ErrNotFound = errors.New("order not found")
	// ErrKeyReused means that an idempotency key came again with another order.
	ErrKeyReused = errors.New("idempotency key was used for another order")
	// ErrUnavailable means that the store does not answer now and may do so later.
	ErrUnavailable = errors.New("order store is unavailable")
)

// Status is what has become of an order.
type Status string

// The statuses: an order is placed first, and may be cancelled.
const (
	Placed    Status = "placed"
	Cancelled Status = "cancelled"
)

// Order is an order as it is now.
type Order struct {
	ID        string    `json:"id"`
	SKU       string    `json:"sku"`
	Quantity  int       `json:"quantity"`
	Status    Status    `json:"status"`
	Version   int64     `json:"version"`    // 1, and one more with every change
	CreatedAt time.Time `json:"created_at"` // UTC, in microseconds: the precision that all databases share
}

// Draft is what a client asks for.
type Draft struct {
	SKU      string
	Quantity int
}

// FieldFault says what is wrong with one field of a draft.
type FieldFault struct {
	Field  string // its name in JSON
	Detail string
}

// Rules checks drafts. Make it with NewRules.
type Rules struct {
	sku *regexp.Regexp
}

// NewRules returns the rules: a SKU is 1 to 64 letters, digits and ._- that start with a letter or a digit.
func NewRules() Rules {
	return Rules{sku: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)}
}

// Check returns everything that is wrong with d.
func (r Rules) Check(d Draft) []FieldFault {
	var faults []FieldFault
	if !r.sku.MatchString(d.SKU) {
		detail := "must be 1 to 64 letters, digits and ._- and start with a letter or a digit"
		faults = append(faults, FieldFault{"sku", detail})
	}
	if d.Quantity < 1 || d.Quantity > MaxQuantity {
		faults = append(faults, FieldFault{"quantity", "must be a whole number from 1 to 10000"})
	}
	return faults
}
