package apidocs

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestThePageAndAllThatItAsksForAreServedAndTheRestIsTheAPIs(t *testing.T) {
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	handler, err := Handler(api)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/docs":                                 http.StatusMovedPermanently,
		"/docs/":                                http.StatusOK,
		"/docs/start.js":                        http.StatusOK,
		"/docs/swagger-ui/swagger-ui-bundle.js": http.StatusOK,
		"/docs/swagger-ui/swagger-ui.css":       http.StatusOK,
		"/docs/swagger-ui/favicon-32x32.png":    http.StatusOK,
		"/docs/other.js":                        http.StatusNotFound,
		"/v1/orders":                            http.StatusTeapot,
	} {
		for _, encoding := range []string{"gzip", ""} {
			request := httptest.NewRequest(http.MethodGet, path, nil)
			request.Header.Set("Accept-Encoding", encoding)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != want {
				t.Errorf("%s with encoding %q: got %d, want %d", path, encoding, answer.Code, want)
			}
			policy := answer.Header().Get("Content-Security-Policy")
			if want == http.StatusOK && !strings.Contains(policy, "connect-src 'self'") {
				t.Errorf("%s: the policy is %q", path, policy)
			}
		}
	}
}
