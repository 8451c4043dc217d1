package secretkeeper

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

const canary = "canary-in-a-coal-mine"

// host is a machine's folders, with a service's secrets, and what the log of its store says.
type host struct {
	t     *testing.T
	store Store
	log   bytes.Buffer
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t}
	root := t.TempDir()
	h.store = Store{
		Kept:     filepath.Join(root, "kept"),
		Identity: filepath.Join(root, "identity"),
		Memory:   filepath.Join(root, "memory"),
		Database: filepath.Join(root, "database"),
		Logger:   slog.New(slog.NewTextHandler(&h.log, nil)),
	}
	for _, folder := range []string{h.store.Kept, h.store.Identity, h.store.Memory, h.store.Database} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = h.store.Retain(nil) }) // folders that are only to be read
	return h
}

// hold runs the store until it holds what it can.
func (h *host) hold() {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	stop()
	if err := h.store.Hold(ctx); err != nil {
		h.t.Fatal(err)
	}
}

// restart loses what is in memory.
func (h *host) restart() {
	h.t.Helper()
	memory := h.store
	memory.Kept = h.t.TempDir()
	if err := memory.Retain(nil); err != nil {
		h.t.Fatal(err)
	}
	for _, path := range h.files(h.store.Database) {
		if err := os.Remove(filepath.Join(h.store.Database, path)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *host) recipient() string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.store.Identity, "recipient.txt"))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// keep encrypts values as whoever deploys does.
func (h *host) keep(name, recipient string, values any) {
	h.t.Helper()
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		h.t.Fatal(err)
	}
	var data bytes.Buffer
	w, err := age.Encrypt(&data, to)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := json.NewEncoder(w).Encode(values); err != nil {
		h.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.store.Kept, name+".age"), data.Bytes(), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// files are the paths of all files below a folder.
func (h *host) files(folder string) []string {
	h.t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(folder, path)
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

func TestSecretsComeBackAfterARestartByteForByteAndForTheirUserAlone(t *testing.T) {
	h := newHost(t)
	h.hold()
	awkward := "🚀 $x 'y' \"z\" \\\r\n" + canary
	h.keep("r1", h.recipient(), map[string]string{"API_KEY": awkward, "EMPTY": ""})
	h.keep("database", h.recipient(), map[string]string{"PASSWORD": canary})
	for range 2 { // the second time they are there already
		h.hold()
		data, err := os.ReadFile(filepath.Join(h.store.Memory, "r1", "API_KEY"))
		if err != nil || string(data) != awkward {
			t.Fatalf("got %q, %v", data, err)
		}
	}
	h.restart()
	h.hold()
	for path, mode := range map[string]os.FileMode{
		filepath.Join(h.store.Memory, "r1"):             0o500 | os.ModeDir,
		filepath.Join(h.store.Memory, "r1", "API_KEY"):  0o400,
		filepath.Join(h.store.Database, "PASSWORD"):     0o444,
		filepath.Join(h.store.Identity, "identity.txt"): 0o400,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if strings.Contains(h.log.String(), canary) || strings.Contains(h.log.String(), "level=ERROR") {
		t.Error(h.log.String())
	}
}

func TestTheIdentityOfAHostStaysTheSame(t *testing.T) {
	h := newHost(t)
	h.hold()
	before := h.recipient()
	h.hold()
	if h.recipient() != before {
		t.Error("it is another one")
	}
}

func TestWhatCannotBeOpenedIsToldAndHoldsUpNothing(t *testing.T) {
	h := newHost(t)
	h.hold()
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	h.keep("a1", other.Recipient().String(), map[string]string{"API_KEY": canary})
	h.keep("b1", h.recipient(), []string{canary})
	h.keep("c1", h.recipient(), map[string]string{"../../" + canary: canary})
	h.keep("d1", h.recipient(), map[string]string{"API_KEY": canary})
	if err := os.WriteFile(filepath.Join(h.store.Kept, "e1.age"), []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	h.hold()
	if got := h.files(h.store.Memory); len(got) != 1 || got[0] != filepath.Join("d1", "API_KEY") {
		t.Errorf("in memory are %v", got)
	}
	for _, release := range []string{"a1", "b1", "c1", "e1"} {
		if !strings.Contains(h.log.String(), "release="+release) {
			t.Errorf("%s is not told", release)
		}
	}
	if strings.Contains(h.log.String(), canary) {
		t.Error(h.log.String())
	}
}

func TestAHostWithoutAnIdentityMakesNoneAndRemovesTheOneThatItHad(t *testing.T) {
	h := newHost(t)
	h.hold()
	h.store.Without = true
	for range 2 {
		h.hold()
		if got := h.files(filepath.Dir(h.store.Kept)); len(got) > 0 {
			t.Errorf("there are %v", got)
		}
	}
}

func TestReleasesThatAreGoneAreForgottenInMemoryAndOnTheDisk(t *testing.T) {
	h := newHost(t)
	h.hold()
	for _, name := range []string{"r1", "r2", "database"} {
		h.keep(name, h.recipient(), map[string]string{"API_KEY": canary})
	}
	h.hold()
	if err := h.store.Retain([]string{"r2"}); err != nil {
		t.Fatal(err)
	}
	if got := h.files(h.store.Memory); len(got) != 1 || got[0] != filepath.Join("r2", "API_KEY") {
		t.Errorf("in memory are %v", got)
	}
	if got := h.files(h.store.Kept); len(got) != 2 || len(h.files(h.store.Database)) != 1 {
		t.Errorf("kept are %v", got)
	}
}

func TestADamagedIdentityIsToldAndNotReplaced(t *testing.T) {
	h := newHost(t)
	path := filepath.Join(h.store.Identity, "identity.txt")
	if err := os.WriteFile(path, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	err := h.store.Hold(t.Context())
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Error(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != canary {
		t.Errorf("it is %q, %v", data, err)
	}
}
