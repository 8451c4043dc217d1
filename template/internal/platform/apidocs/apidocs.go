// Package apidocs serves a page that shows the OpenAPI document, and tries the API out. All of it is in the binary: the
// browser asks nobody else.
package apidocs

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

//go:embed page
var page embed.FS

// policy keeps the page from asking anybody but the service. Swagger UI styles elements in place, and has pictures in its
// style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at /docs/, and has next answer everything else. The document is expected at /openapi.yaml.
func Handler(next http.Handler) (http.Handler, error) {
	own, err := fs.Sub(page, "page")
	if err != nil {
		return nil, err
	}
	docs := http.NewServeMux()
	docs.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	docs.Handle("GET /docs/", protected(http.StripPrefix("/docs/", http.FileServerFS(own))))
	docs.Handle("GET /docs/swagger-ui/", protected(http.StripPrefix("/docs/swagger-ui", statigz.FileServer(static.FS))))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/docs" || strings.HasPrefix(r.URL.Path, "/docs/") {
			docs.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

func protected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
