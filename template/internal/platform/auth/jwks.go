package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// minRSA is the shortest RSA key that may sign, in bits (RFC 7518 section 3.3).
const minRSA = 2048

// key is one that signatures are verified with.
type key struct {
	id        string // kid; empty where nobody has named it
	algorithm string
	public    jwt.VerificationKey
}

// keySet is what an issuer has published at one time.
type keySet []key

// find returns the keys that a token may be signed with. Where either of them has no name, the algorithm decides alone.
func (s keySet) find(id, algorithm string) []jwt.VerificationKey {
	var found []jwt.VerificationKey
	for _, k := range s {
		if k.algorithm == algorithm && (k.id == id || k.id == "" || id == "") {
			found = append(found, k.public)
		}
	}
	return found
}

// parseKeys reads a JWK Set (RFC 7517) or public keys in PEM. Of a set, which may hold keys for other uses, it takes
// those that can sign tokens; the error says that there is none.
func parseKeys(text []byte) (keySet, error) {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN")) {
		return parsePEM(text)
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("neither a JWK Set nor public keys in PEM: %w", err)
	}
	var set keySet
	var faults []error
	for i, raw := range document.Keys {
		k, err := parseJWK(raw)
		if err != nil {
			faults = append(faults, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		set = append(set, k)
	}
	if len(set) == 0 {
		return nil, errors.Join(append([]error{errors.New("no key that tokens can be signed with")}, faults...)...)
	}
	return set, nil
}

func parseJWK(raw json.RawMessage) (key, error) {
	jwk, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, err
	}
	stated := jwk.Marshal()
	if stated.USE != "" && stated.USE != jwkset.UseSig {
		return key{}, fmt.Errorf("is for %q", stated.USE)
	}
	if len(stated.KEYOPS) > 0 && !slices.Contains(stated.KEYOPS, jwkset.KeyOpsVerify) {
		return key{}, errors.New("is not for verifying")
	}
	k, err := newKey(stated.KID, jwk.Key())
	if err == nil && stated.ALG != "" && stated.ALG.String() != k.algorithm {
		return key{}, fmt.Errorf("is for %q", stated.ALG)
	}
	return k, err
}

func parsePEM(text []byte) (keySet, error) {
	var set keySet
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the %s: %w", block.Type, err)
		}
		k, err := newKey("", public)
		if err != nil {
			return nil, err
		}
		set, text = append(set, k), rest
	}
	if len(set) == 0 {
		return nil, errors.New("no public key in the PEM")
	}
	return set, nil
}

// newKey returns public with the one algorithm that it is used with here: so no token chooses another for it.
func newKey(id string, public any) (key, error) {
	switch typed := public.(type) {
	case ed25519.PublicKey:
		return key{id, "EdDSA", typed}, nil
	case *ecdsa.PublicKey:
		if typed.Curve == elliptic.P256() {
			return key{id, "ES256", typed}, nil
		}
	case *rsa.PublicKey:
		if typed.N.BitLen() >= minRSA {
			return key{id, "RS256", typed}, nil
		}
	}
	return key{}, fmt.Errorf("is none of Ed25519, P-256 and RSA of %d bits or more", minRSA)
}
