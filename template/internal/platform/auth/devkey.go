package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// DevIssuer is who has signed a token of a development key.
const DevIssuer = "development"

// devKey makes a key of a text, so that one secret is all that development needs.
func devKey(text string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(text))
	return ed25519.NewKeyFromSeed(seed[:])
}

// DevSource has the one key that verifies what MintToken has made with the same text.
func DevSource(text string) Source {
	set := keySet{{id: DevIssuer, algorithm: "EdDSA", public: devKey(text).Public()}}
	fetch := func(context.Context) (keySet, error) { return set, nil }
	return Source{name: DevIssuer, every: urlEvery, fetch: fetch}
}

// MintToken returns a token for caller that is good for audience until the time expires.
func MintToken(text, audience string, caller Caller, expires time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss":   DevIssuer,
		"aud":   audience,
		"sub":   caller.Subject,
		"scope": strings.Join(caller.Scopes, " "),
		"iat":   time.Now().Unix(),
		"exp":   expires.Unix(),
	})
	token.Header["kid"] = DevIssuer
	return token.SignedString(devKey(text))
}
