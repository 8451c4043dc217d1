package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	testIssuer   = "https://issuer.example.com"
	testAudience = "svc"
)

// signer is a key of an issuer.
type signer struct {
	id      string
	method  jwt.SigningMethod
	private crypto.Signer
}

// newSigner makes a key for an algorithm.
func newSigner(t *testing.T, id, algorithm string) signer {
	t.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jwt.GetSigningMethod(algorithm), private}
}

// claims returns those of a token that is good for an hour, changed by change, which removes what it sets to nil.
func claims(change map[string]any) jwt.MapClaims {
	all := jwt.MapClaims{
		"iss": testIssuer, "aud": testAudience, "sub": "somebody", "scope": "orders:read orders:write",
		"exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range change {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// sign returns a token with these claims and headers.
func (s signer) sign(t *testing.T, claims jwt.Claims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(s.method, claims)
	token.Header["kid"] = s.id
	for name, value := range header {
		if token.Header[name] = value; value == nil {
			delete(token.Header, name)
		}
	}
	signed, err := token.SignedString(s.private)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// raw signs a header and claims as they are written.
func (s signer) raw(t *testing.T, header, claims string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	signature, err := s.method.Sign(text, s.private)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// jwk is the public key as an issuer publishes it.
func (s signer) jwk() map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	published := map[string]any{"kid": s.id, "alg": s.method.Alg(), "use": "sig"}
	switch public := s.private.Public().(type) {
	case ed25519.PublicKey:
		published["kty"], published["crv"], published["x"] = "OKP", "Ed25519", encode(public)
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // 4, x, y
		published["kty"], published["crv"] = "EC", "P-256"
		published["x"], published["y"] = encode(point[1:33]), encode(point[33:])
	case *rsa.PublicKey:
		published["kty"], published["n"] = "RSA", encode(public.N.Bytes())
		published["e"] = encode(big.NewInt(int64(public.E)).Bytes())
	}
	return published
}

// pem is the public key as a file has it.
func (s signer) pem(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// keySetOf is the JWK Set of some keys.
func keySetOf(t *testing.T, signers ...signer) []byte {
	t.Helper()
	set := map[string][]any{"keys": {}}
	for _, each := range signers {
		set["keys"] = append(set["keys"], each.jwk())
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// issuer publishes keys and counts how often it is asked.
type issuer struct {
	*httptest.Server
	document atomic.Pointer[[]byte] // nil while it fails
	asked    atomic.Int64
}

func newIssuer(t *testing.T, signers ...signer) *issuer {
	t.Helper()
	i := &issuer{}
	i.publish(keySetOf(t, signers...))
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		document := i.document.Load()
		if document == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(*document) // who hangs up wants no answer
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) publish(document []byte) { i.document.Store(&document) }

// newTestKeys returns the keys at an address, which were not fetched yet.
func newTestKeys(t *testing.T, address string) *Keys {
	t.Helper()
	source, err := ParseSource(address)
	if err != nil {
		t.Fatal(err)
	}
	return NewKeys(source, slog.New(slog.DiscardHandler))
}

// newTestVerifier returns a verifier of what signers have signed.
func newTestVerifier(t *testing.T, signers ...signer) *Verifier {
	t.Helper()
	return NewVerifier(newTestKeys(t, newIssuer(t, signers...).URL), testIssuer, testAudience)
}
