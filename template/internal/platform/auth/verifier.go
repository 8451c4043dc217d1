package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// leeway is how far the issuer's clock may be from this one.
	leeway = 30 * time.Second
	// maxToken bounds what is read of a token before anything is known of it, in bytes.
	maxToken = 8 << 10
)

// algorithms returns what a token may be signed with: a public key verifies each, so that whoever can verify tokens can
// make none.
func algorithms() []string { return []string{"EdDSA", "ES256", "RS256"} }

// Verifier tells whether a token is one of its issuer for this service.
type Verifier struct {
	keys   *Keys
	parser *jwt.Parser
}

// NewVerifier returns a verifier of tokens that issuer has signed with one of keys, for audience.
func NewVerifier(keys *Keys, issuer, audience string) *Verifier {
	return &Verifier{keys: keys, parser: jwt.NewParser(
		jwt.WithValidMethods(algorithms()),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
	)}
}

// Verify returns who token speaks for. The error is an Invalid, or ErrUnavailable where the issuer's keys cannot be had.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	if err := checkForm(token); err != nil {
		return Caller{}, err
	}
	claims := jwt.MapClaims{}
	_, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return v.keysFor(ctx, t.Header) })
	if errors.Is(err, ErrUnavailable) {
		return Caller{}, ErrUnavailable
	}
	if err != nil {
		return Caller{}, reason(err)
	}
	return callerOf(claims)
}

// keysFor returns the keys that a token with this header may be signed with. Of the header it believes no more than the
// name of a key that the issuer has published: a token that brings a key, or an address of one, proves nothing.
func (v *Verifier) keysFor(ctx context.Context, header map[string]any) (any, error) {
	if _, critical := header["crit"]; critical {
		return nil, Invalid("the token relies on an extension that is not known here")
	}
	if kind, given := header["typ"]; given {
		name, _ := kind.(string)
		switch strings.TrimPrefix(strings.ToLower(name), "application/") {
		case "jwt", "at+jwt": // RFC 7519 section 5.1, RFC 9068 section 2.1
		default:
			return nil, Invalid("the token is no access token")
		}
	}
	id, named := header["kid"].(string)
	if _, given := header["kid"]; given && !named {
		return nil, Invalid("the token does not name its key")
	}
	algorithm, _ := header["alg"].(string)
	found, err := v.keys.Find(ctx, id, algorithm)
	if err != nil {
		return nil, err
	}
	return jwt.VerificationKeySet{Keys: found}, nil
}

// callerOf returns who the claims of a verified token speak for.
func callerOf(claims jwt.MapClaims) (Caller, error) {
	subject, err := claims.GetSubject()
	if err != nil || subject == "" {
		return Caller{}, Invalid("the token does not say whose it is")
	}
	scope, text := claims["scope"].(string)
	if _, given := claims["scope"]; given && !text {
		return Caller{}, Invalid("the token's scope is no text")
	}
	return Caller{Subject: subject, Scopes: strings.Fields(scope)}, nil
}

// checkForm refuses what is no JWT of a bounded size, and one that says the same thing twice: another reader of the same
// token may take the other value for the true one.
func checkForm(token string) error {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 || strings.ContainsFunc(token, foreign) {
		return errForm
	}
	for _, part := range parts[:2] {
		text, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return errForm
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		if err := checkNames(decoder); err != nil {
			return err
		}
	}
	return nil
}

// foreign reports whether no token has the character (RFC 7515 section 7.1). Go's decoder skips line ends.
func foreign(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && r != '-' && r != '_' && r != '.'
}

// checkNames refuses the next value of decoder where an object in it has two members of one name.
func checkNames(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return errForm
	}
	begin, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[json.Token]bool{}
	for decoder.More() {
		if begin == '{' {
			name, err := decoder.Token()
			if err != nil {
				return errForm
			}
			if seen[name] {
				return Invalid("the token says the same thing twice")
			}
			seen[name] = true
		}
		if err := checkNames(decoder); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return errForm
	}
	return nil
}
