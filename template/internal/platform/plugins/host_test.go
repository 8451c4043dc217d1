package plugins

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/http-wasm/http-wasm-host-go/tck"
)

func TestTheHostPassesTheTestsOfHTTPWasm(t *testing.T) {
	p, _ := newPlugins(t, Source{Name: "tck", Program: tck.GuestWASM, Settings: DefaultSettings()})
	router := gin.New()
	router.Use(p.Middleware())
	router.Any("/*path", gin.WrapH(tck.BackendHandler()))
	server := httptest.NewServer(router)
	t.Cleanup(server.Close) // once what runs in parallel has ended, too
	tck.Run(t, server.Client(), server.URL)
}

func TestWhatKeepsNotToHTTPWasmIsRefused(t *testing.T) {
	empty := []byte("\x00asm\x01\x00\x00\x00")
	for name, c := range map[string]struct {
		program []byte
		said    string
	}{
		"no program":       {[]byte("hello"), "is no WebAssembly that can be run"},
		"no functions":     {empty, "does not export handle_request"},
		"no configuration": {nil, "the config has no"},
	} {
		t.Run(name, func(t *testing.T) {
			source := guestNamed(t, "wrong", []string{"upper"})
			if c.program != nil {
				source.Program = c.program
			} else {
				source.Settings.Config = nil
			}
			p, _ := newPlugins(t)
			if err := p.Apply(t.Context(), []Source{source}, "the test"); err == nil || !strings.Contains(err.Error(), c.said) {
				t.Errorf("got %v, want %q", err, c.said)
			}
		})
	}
}

func TestSettingsTellEveryFault(t *testing.T) {
	_, err := ParseSettings([]byte(`{"onFailure": "maybe", "timeLimitMs": 0, "memoryLimitMiB": 5000, "instances": -1}`))
	for _, name := range []string{"onFailure", "timeLimitMs", "memoryLimitMiB", "instances"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not told: %v", name, err)
		}
	}
	for _, text := range []string{"", "[]", `{"timeLimit": 5}`, `{} {}`} {
		if _, err := ParseSettings([]byte(text)); err == nil {
			t.Errorf("%q was taken for settings", text)
		}
	}
}
