// Package problem writes errors as problem details, RFC 9457.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// ContentType is the media type of a problem (RFC 9457, section 3).
const ContentType = "application/problem+json"

// Problem is the body of every error answer. It is an error, so that helpers can return it.
type Problem struct {
	Type      string       `json:"type"` // "about:blank": the status says it all (RFC 9457, section 4.2.1)
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Instance  string       `json:"instance,omitempty"`   // the path that was asked for
	RequestID string       `json:"request_id,omitempty"` // the same as in X-Request-ID and the log
	Errors    []FieldError `json:"errors,omitempty"`

	retryAfter time.Duration
}

// FieldError says what is wrong with one field of the request.
type FieldError struct {
	Field  string `json:"field"` // the name as the client wrote it, in JSON, the query or a header
	Detail string `json:"detail"`
}

// New returns a problem with an HTTP status and a sentence for the client.
func New(status int, detail string, fields ...FieldError) *Problem {
	return &Problem{
		Type:   "about:blank",
		Title:  http.StatusText(status),
		Status: status,
		Detail: detail,
		Errors: fields,
	}
}

// RetryAfter asks the client to come back after d, in whole seconds (RFC 9110, section 10.2.3).
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	p.retryAfter = d
	return p
}

// Error returns the problem as one line.
func (p *Problem) Error() string {
	return strconv.Itoa(p.Status) + " " + p.Title + ": " + p.Detail
}

// Write answers the request with p and stops the handlers that would come after.
func Write(c *gin.Context, p *Problem) {
	p.Instance = c.Request.URL.EscapedPath() // a URI reference (RFC 9457, section 3.1.5)
	p.RequestID = c.Writer.Header().Get("X-Request-ID")
	if p.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	body, err := json.Marshal(p)
	if err != nil { // only strings and numbers: it cannot fail
		body = []byte("{}")
	}
	c.Abort()
	c.Data(p.Status, ContentType, body)
}
