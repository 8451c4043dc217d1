package plugins

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAFolderIsFollowed(t *testing.T) {
	p, logged := newPlugins(t)
	server := serve(t, p)
	folder := t.TempDir()
	go p.Follow(t.Context(), folder)

	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	answers := func(version string) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
			got := post(t, server.URL+"/echo", "hello")
			if got.status != 200 {
				t.Fatalf("got %d", got.status)
			}
			if got.header.Get("Version") == version {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("version %q does not come: %s", version, logged)
			}
		}
	}
	settings := func(version string) []byte {
		return []byte(`{"timeLimitMs": 2000, "config": "set Version=` + version + `"}`)
	}
	write("version.wasm", guestNamed(t, "", nil).Program)
	write("version.json", settings("1"))
	answers("1")
	write("version.json", settings("2"))
	answers("2")
	write("version.json", []byte(`{"config": `))
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(logged.String(), "plugins are refused"); {
		if time.Now().After(end) {
			t.Fatalf("they are not refused: %s", logged)
		}
		time.Sleep(50 * time.Millisecond)
	}
	answers("2")
	for _, name := range []string{"version.wasm", "version.json"} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	answers("")
}
