package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestATokenOfTheIssuerSaysWhoAsks(t *testing.T) {
	for _, algorithm := range algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			key := newSigner(t, "k1", algorithm)
			caller, err := newTestVerifier(t, key).Verify(t.Context(), key.sign(t, claims(nil), nil))
			if err != nil || caller.Subject != "somebody" || !caller.Has("orders:read", "orders:write") || caller.Has("orders") {
				t.Errorf("got %+v, %v", caller, err)
			}
		})
	}
}

func TestATokenIsRefusedByItsClaims(t *testing.T) {
	key := newSigner(t, "k1", "EdDSA")
	verifier := newTestVerifier(t, key)
	now := time.Now()
	for name, tc := range map[string]struct {
		change map[string]any
		want   string // "" where the token is good
	}{
		"expired":                     {map[string]any{"exp": now.Add(-time.Minute).Unix()}, "has expired"},
		"expired within the leeway":   {map[string]any{"exp": now.Add(-leeway / 2).Unix()}, ""},
		"without an end":              {map[string]any{"exp": nil}, "does not say what it must"},
		"an end that is no time":      {map[string]any{"exp": "tomorrow"}, "not valid"},
		"not valid yet":               {map[string]any{"nbf": now.Add(time.Minute).Unix()}, "not valid yet"},
		"not valid yet, but soon":     {map[string]any{"nbf": now.Add(leeway / 2).Unix()}, ""},
		"of another issuer":           {map[string]any{"iss": testIssuer + ".attacker.example"}, "another issuer"},
		"of no issuer":                {map[string]any{"iss": nil}, "does not say what it must"},
		"for another service":         {map[string]any{"aud": "svc2"}, "another service"},
		"for several, this one too":   {map[string]any{"aud": []string{"svc2", testAudience}}, ""},
		"for nobody":                  {map[string]any{"aud": nil}, "does not say what it must"},
		"of nobody":                   {map[string]any{"sub": nil}, "whose it is"},
		"of a number":                 {map[string]any{"sub": 7}, "whose it is"},
		"with a scope that is a list": {map[string]any{"scope": []string{"orders:read"}}, "scope is no text"},
		"without a scope":             {map[string]any{"scope": nil}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verifier.Verify(t.Context(), key.sign(t, claims(tc.change), nil))
			checkRefusal(t, err, tc.want)
		})
	}
}

// The attacks are those of RFC 8725 section 2 and of the libraries' advisories that it collects.
func TestAForgedTokenIsRefused(t *testing.T) {
	rsaKey, edKey := newSigner(t, "rsa", "RS256"), newSigner(t, "ed", "EdDSA")
	stranger := newSigner(t, "ed", "EdDSA")
	verifier := newTestVerifier(t, rsaKey, edKey)
	good := edKey.sign(t, claims(nil), nil)
	parts := strings.Split(good, ".")
	hmac := func(secret []byte, id string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(nil))
		token.Header["kid"] = id
		signed, err := token.SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	unsigned := func(algorithm string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodNone, claims(nil))
		token.Header["alg"], token.Header["kid"] = algorithm, "ed"
		signed, err := token.SignedString(jwt.UnsafeAllowNoneSignatureType)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	const header = `{"alg":"EdDSA","typ":"JWT","kid":"ed"}`
	body := `{"iss":"` + testIssuer + `","aud":"svc","sub":"somebody","exp":4102444800`

	for name, token := range map[string]string{
		"alg none":                            unsigned("none"),
		"alg nOnE":                            unsigned("nOnE"),
		"an algorithm without its signature":  parts[0] + "." + parts[1] + ".",
		"HMAC with the RSA key's PEM":         hmac(rsaKey.pem(t), "rsa"),
		"HMAC with the Ed25519 key's PEM":     hmac(edKey.pem(t), "ed"),
		"HMAC with an empty secret":           hmac([]byte{}, ""),
		"a key of somebody else by that name": stranger.sign(t, claims(nil), nil),
		"the key of another algorithm":        edKey.sign(t, claims(nil), map[string]any{"kid": "rsa"}),
		"a path as the key's name":            stranger.sign(t, claims(nil), map[string]any{"kid": "../../../../dev/null"}),
		"SQL as the key's name":               stranger.sign(t, claims(nil), map[string]any{"kid": "x' UNION SELECT 'k"}),
		"a list as the key's name":            stranger.sign(t, claims(nil), map[string]any{"kid": []string{"ed"}}),
		"no name of a key, and a stranger's":  stranger.sign(t, claims(nil), map[string]any{"kid": nil}),
		"a key that it brings along":          stranger.sign(t, claims(nil), map[string]any{"jwk": stranger.jwk()}),
		"an address of its key":               stranger.sign(t, claims(nil), map[string]any{"jku": "http://127.0.0.1:1/keys"}),
		"an extension that must be known":     edKey.sign(t, claims(nil), map[string]any{"crit": []string{"b64"}, "b64": false}),
		"a token of another kind":             edKey.sign(t, claims(nil), map[string]any{"typ": "logout+jwt"}),
		"other claims under the signature":    parts[0] + "." + strings.Split(edKey.sign(t, claims(map[string]any{"sub": "admin"}), nil), ".")[1] + "." + parts[2],
		"a claim twice":                       edKey.raw(t, header, body+`,"sub":"admin"}`),
		"a claim twice, further down":         edKey.raw(t, header, body+`,"act":{"sub":"a","sub":"b"}}`),
		"a header twice":                      edKey.raw(t, `{"alg":"EdDSA","kid":"ed","alg":"none"}`, body+"}"),
		"a claim in other letters":            edKey.raw(t, header, strings.Replace(body, `"sub"`, `"SUB"`, 1)+"}"),
		"claims that are a list":              edKey.raw(t, header, "["+body+"}]"),
		"claims that are cut off":             edKey.raw(t, header, body),
		"padding":                             good + "==",
		"a line end":                          good + "\n",
		"a part too many":                     good + ".x",
		"encrypted":                           good + ".x.x",
		"nothing":                             "",
		"dots":                                "..",
		"more than anybody needs":             edKey.sign(t, claims(map[string]any{"x": strings.Repeat("x", maxToken)}), nil),
	} {
		t.Run(name, func(t *testing.T) {
			if caller, err := verifier.Verify(t.Context(), token); !errors.As(err, new(Invalid)) {
				t.Errorf("got %+v, %v", caller, err)
			}
		})
	}
	if _, err := verifier.Verify(t.Context(), good); err != nil {
		t.Errorf("the token that is none of these: %v", err)
	}
}

func TestAKeyThatIsTooWeakOrForSomethingElseSignsNothing(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	larger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, public := range map[string]any{
		"RSA of 1024 bits": &short.PublicKey, "P-384": &larger.PublicKey, "a secret": []byte("secret"),
	} {
		if k, err := newKey("k", public); err == nil {
			t.Errorf("%s is a key for %s", name, k.algorithm)
		}
	}

	key := newSigner(t, "k", "EdDSA")
	for name, change := range map[string]map[string]any{
		"for encryption":        {"use": "enc"},
		"not for verifying":     {"key_ops": []string{"sign"}},
		"for another algorithm": {"alg": "ES256"},
		"a shared secret":       {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"},
	} {
		jwk := key.jwk()
		for member, value := range change {
			jwk[member] = value
		}
		if set, err := parseKeys(asJSON(t, map[string]any{"keys": []any{jwk}})); err == nil {
			t.Errorf("%s: %v", name, set)
		}
	}
}

func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	var invalid Invalid
	if want == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if want != "" && (!errors.As(err, &invalid) || !strings.Contains(err.Error(), want)) {
		t.Errorf("got %v, want %q", err, want)
	}
}
