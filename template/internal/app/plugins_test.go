package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPluginsOfAFolderAreCheckedAsTheServiceWould(t *testing.T) {
	folder := t.TempDir()
	if code, _, stderr := run(t, nil, "check-plugins", folder); code != exitDone {
		t.Errorf("an empty folder: exit code %d: %s", code, stderr)
	}
	if err := os.WriteFile(filepath.Join(folder, "wrong.wasm"), []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, nil, "check-plugins", folder)
	if code != exitFailure || !strings.Contains(stderr, "wrong: is no WebAssembly") {
		t.Errorf("a plugin that is none: exit code %d: %s", code, stderr)
	}
	if code, _, _ := run(t, nil, "check-plugins"); code != exitUsage {
		t.Errorf("without a folder: exit code %d", code)
	}
}
