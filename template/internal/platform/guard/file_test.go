package guard

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// followed is a service that follows a file.
type followed struct {
	*service
	folder, path string
}

func follow(t *testing.T) *followed {
	t.Helper()
	folder := t.TempDir()
	f := &followed{service: newService(t, rulesOf(1)), folder: folder, path: filepath.Join(folder, "rules.json")}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan bool)
	go func() {
		defer close(ended)
		f.guard.Follow(ctx, f.path)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return f
}

func (f *followed) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatComesLaterIsAppliedAndSoIsEachOfItsChanges(t *testing.T) {
	f := follow(t)

	f.write(f.path, rulesOf(2))
	f.until(2)
	f.write(f.path, rulesOf(3))
	f.until(3)
}

func TestAFileThatIsMovedThereIsApplied(t *testing.T) {
	f := follow(t)
	f.write(f.path, rulesOf(2))
	f.until(2)

	for threshold := 3; threshold < 6; threshold++ {
		f.write(f.path+".new", rulesOf(threshold))
		must(t, os.Rename(f.path+".new", f.path))
		f.until(threshold)
	}
}

func TestAConfigMapThatIsSwappedIsApplied(t *testing.T) {
	f := follow(t)
	version := func(threshold int) {
		folder := filepath.Join(f.folder, "..version-"+strconv.Itoa(threshold))
		must(t, os.Mkdir(folder, 0o700))
		f.write(filepath.Join(folder, "rules.json"), rulesOf(threshold))
		must(t, os.Symlink(folder, filepath.Join(f.folder, "..data_tmp")))
		must(t, os.Rename(filepath.Join(f.folder, "..data_tmp"), filepath.Join(f.folder, "..data")))
	}
	version(2)
	must(t, os.Symlink(filepath.Join("..data", "rules.json"), f.path))
	f.until(2)

	for threshold := 3; threshold < 6; threshold++ {
		version(threshold)
		f.until(threshold)
		must(t, os.RemoveAll(filepath.Join(f.folder, "..version-"+strconv.Itoa(threshold-1))))
	}
}

func TestAFileThatIsEmptyWrongOrGoneChangesNothing(t *testing.T) {
	f := follow(t)
	f.write(f.path, rulesOf(2))
	f.until(2)

	for _, text := range []string{"", "{", rulesOf(0)} {
		f.write(f.path, text)
		time.Sleep(3 * settle)
		if got := f.inForce(); got != 2 {
			t.Errorf("%q: the rules in force are %d", text, got)
		}
	}
	must(t, os.Remove(f.path))
	time.Sleep(3 * settle)
	if got := f.inForce(); got != 2 {
		t.Errorf("without the file the rules in force are %d", got)
	}
	f.write(f.path, rulesOf(3))
	f.until(3)
}

func TestAFolderThatIsNotThereYetIsLookedAtNowAndThen(t *testing.T) {
	f := follow(t)
	later := filepath.Join(f.folder, "later", "rules.json")
	go f.guard.Follow(t.Context(), later)
	time.Sleep(settle)

	must(t, os.Mkdir(filepath.Dir(later), 0o700))
	f.write(later, rulesOf(7))

	f.until(7)
}
