package auth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// maxKeys bounds a document with keys, in bytes.
	maxKeys = 1 << 20
	// An issuer publishes a new key some time before it signs with it.
	urlEvery  = 5 * time.Minute
	fileEvery = 5 * time.Second
)

// Source is where the keys of an issuer are.
type Source struct {
	name  string
	every time.Duration // between two looks at it
	fetch func(ctx context.Context) (keySet, error)
}

// ParseSource takes the address of a JWK Set, https:// or http://, or file: and the path of a file with a JWK Set or
// with public keys in PEM.
func ParseSource(raw string) (Source, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Source{}, err
	}
	switch {
	case (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "":
		return Source{name: u.Redacted(), every: urlEvery, fetch: parsed(fromURL(u))}, nil
	case u.Scheme == "file" && u.Host == "" && u.Path+u.Opaque != "":
		path := u.Path + u.Opaque
		read := func(context.Context) ([]byte, error) { return os.ReadFile(path) }
		return Source{name: path, every: fileEvery, fetch: parsed(read)}, nil
	}
	return Source{}, fmt.Errorf("an address with https or file is expected, not with %q", u.Scheme)
}

func parsed(read func(ctx context.Context) ([]byte, error)) func(ctx context.Context) (keySet, error) {
	return func(ctx context.Context) (keySet, error) {
		text, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return parseKeys(text)
	}
}

// fromURL follows no redirection: the keys decide who comes in, and the address says whose they are.
func fromURL(u *url.URL) func(ctx context.Context) ([]byte, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Accept", "application/jwk-set+json, application/json")
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }() // nothing more is read from it
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answers %s", u.Redacted(), response.Status)
		}
		return io.ReadAll(io.LimitReader(response.Body, maxKeys))
	}
}
