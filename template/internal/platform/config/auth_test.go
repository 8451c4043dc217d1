package config

import (
	"slices"
	"strings"
	"testing"
)

func TestWhoSignsTokensIsKnownAndFitToDoSo(t *testing.T) {
	const key, url, issuer = "AUTH_DEV_KEY=for-development-only", "AUTH_JWKS_URL=https://issuer/keys", "AUTH_ISSUER=issuer"
	for name, tc := range map[string]struct {
		extra []string
		want  string
	}{
		"an issuer":                    {[]string{url, issuer}, ""},
		"an issuer in prod":            {[]string{"APP_ENV=prod", url, issuer}, ""},
		"keys of a file":               {[]string{"AUTH_JWKS_URL=file:/etc/keys.pem", issuer}, ""},
		"a key in dev":                 {[]string{key}, ""},
		"a key in staging":             {[]string{"APP_ENV=staging", key}, ""},
		"a key in prod":                {[]string{"APP_ENV=prod", key}, `AUTH_DEV_KEY: is for development and refused in "prod"`},
		"a key in any other":           {[]string{"APP_ENV=live", key}, "AUTH_DEV_KEY: is for development"},
		"a key and an issuer":          {[]string{key, url, issuer}, "AUTH_DEV_KEY: is given besides AUTH_JWKS_URL"},
		"a short key":                  {[]string{"AUTH_DEV_KEY=short"}, "AUTH_DEV_KEY: has a value that cannot be used"},
		"nothing":                      {nil, "AUTH_JWKS_URL: is missing"},
		"keys of an unnamed issuer":    {[]string{url}, "AUTH_ISSUER: is missing"},
		"an address that is none":      {[]string{"AUTH_JWKS_URL=issuer/keys", issuer}, "AUTH_JWKS_URL: has a value that cannot be used"},
		"an address of another scheme": {[]string{"AUTH_JWKS_URL=ftp://issuer/keys", issuer}, "AUTH_JWKS_URL: has a value"},
	} {
		t.Run(name, func(t *testing.T) {
			environ := slices.DeleteFunc(minimal(), func(s string) bool { return strings.HasPrefix(s, "AUTH_") })
			_, err := Load(append(environ, tc.extra...), "")
			if tc.want == "" && err != nil {
				t.Error(err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), "\n  "+tc.want) || strings.Count(err.Error(), "\n") > 1) {
				t.Errorf("got %v", err)
			}
		})
	}
}
