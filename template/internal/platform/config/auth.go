package config

import (
	"fmt"
	"net/url"
)

// minDevKey is how short AUTH_DEV_KEY may be, in bytes.
const minDevKey = 16

// CheckDevKey returns Faults where text is no key for development, or the environment none that may have one.
func CheckDevKey(text, environment string) error {
	if fault, wrong := devKeyFault(text, environment); wrong {
		return Faults{fault}
	}
	return nil
}

func devKeyFault(text, environment string) (Fault, bool) {
	if !BeforeProduction(environment) {
		detail := fmt.Sprintf("is for development and refused in %q, expected an issuer: AUTH_JWKS_URL", environment)
		return Fault{"AUTH_DEV_KEY", detail}, true
	}
	return wrong("AUTH_DEV_KEY", text), len(text) < minDevKey
}

// authFaults holds the variables AUTH_… against each other: expected is either an issuer or a key for development.
func (c Config) authFaults(known map[string]bool) Faults {
	switch {
	case known["AUTH_JWKS_URL"] || known["AUTH_DEV_KEY"]:
		return nil
	case c.AuthDevKey != "" && c.AuthJWKSURL != "":
		return Faults{{"AUTH_DEV_KEY", "is given besides AUTH_JWKS_URL, expected one of them"}}
	case c.AuthDevKey != "":
		if fault, wrong := devKeyFault(c.AuthDevKey, c.AppEnv); wrong {
			return Faults{fault}
		}
	case !validKeysURL(c.AuthJWKSURL):
		return Faults{wrong("AUTH_JWKS_URL", c.AuthJWKSURL)}
	case c.AuthIssuer == "":
		return Faults{wrong("AUTH_ISSUER", "")}
	}
	return nil
}

func validKeysURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	byHTTP := (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
	return byHTTP || u.Scheme == "file" && u.Host == "" && u.Path+u.Opaque != ""
}
