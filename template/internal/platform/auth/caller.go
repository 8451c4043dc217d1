// Package auth tells who asks: by the token that a request bears (RFC 6750), a JWT (RFC 7519) that an issuer has signed
// with a key of its own. Its rules for tokens are those of RFC 8725.
package auth

import (
	"context"
	"slices"
)

// Caller is who a token speaks for.
type Caller struct {
	Subject string   // the claim sub: the issuer's name for a person or a program
	Scopes  []string // the claim scope: what the token is good for
}

// Has reports whether the caller has all of scopes.
func (c Caller) Has(scopes ...string) bool {
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
}

type callerKey struct{}

// From returns who asks, from a request's context; false where the route is for anyone.
func From(ctx context.Context) (Caller, bool) {
	caller, ok := ctx.Value(callerKey{}).(Caller)
	return caller, ok
}

func with(ctx context.Context, caller Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}
