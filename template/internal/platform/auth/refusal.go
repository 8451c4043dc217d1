package auth

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// ErrUnavailable says that the issuer's keys cannot be had, so that no token can be verified.
var ErrUnavailable = errors.New("the keys of the tokens' issuer cannot be reached")

// Invalid says what is wrong with a token, in words for who has sent it: printable ASCII without quotes, as
// RFC 6750 section 3 has it.
type Invalid string

func (i Invalid) Error() string { return string(i) }

const errForm = Invalid("the token is no signed JWT")

// reason says what a parser has found wrong.
func reason(err error) Invalid {
	var invalid Invalid
	if errors.As(err, &invalid) {
		return invalid
	}
	for _, known := range []struct {
		err  error
		text Invalid
	}{
		{jwt.ErrTokenMalformed, errForm},
		{jwt.ErrTokenSignatureInvalid, "the token is not signed by its issuer"},
		{jwt.ErrTokenUnverifiable, "the token is signed in a way that is not accepted"},
		{jwt.ErrTokenExpired, "the token has expired"},
		{jwt.ErrTokenNotValidYet, "the token is not valid yet"},
		{jwt.ErrTokenInvalidIssuer, "the token is of another issuer"},
		{jwt.ErrTokenInvalidAudience, "the token is for another service"},
		{jwt.ErrTokenRequiredClaimMissing, "the token does not say what it must: exp, iss and aud"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return "the token is not valid"
}
