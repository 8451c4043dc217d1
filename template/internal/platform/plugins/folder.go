package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// poll is how often a folder is looked at. What has changed is taken once it is the same twice in a row: plugins that
// are copied there come file by file.
const poll = 500 * time.Millisecond

// Source is a plugin as it is kept: its program and its settings.
type Source struct {
	Name     string
	Program  []byte // WebAssembly
	Settings Settings
	text     []byte // of the settings
}

// ReadFolder reads the plugins in a folder, in the order of their names, in which they are called. Each is a NAME.wasm,
// with a NAME.json beside it or none. The error names every fault.
func ReadFolder(folder string) ([]Source, error) {
	names, err := programs(folder)
	if err != nil {
		return nil, err
	}
	var sources []Source
	var faults []error
	for _, name := range names {
		source, err := readSource(folder, name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		sources = append(sources, source)
	}
	return sources, errors.Join(faults...)
}

// programs returns the names of the plugins in a folder, without .wasm. A file without content is none: somebody has
// emptied it who cannot delete it, or is about to fill it.
func programs(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name, found := strings.CutSuffix(entry.Name(), ".wasm")
		if !found || strings.HasPrefix(name, ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(folder, entry.Name())); err == nil && info.Size() > 0 {
			names = append(names, name)
		}
	}
	return names, nil
}

func readSource(folder, name string) (Source, error) {
	program, err := os.ReadFile(filepath.Join(folder, name+".wasm"))
	if err != nil {
		return Source{}, err
	}
	source := Source{Name: name, Program: program, Settings: DefaultSettings()}
	source.text, err = os.ReadFile(filepath.Join(folder, name+".json"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(source.text) == 0 {
		return source, nil
	}
	if err == nil {
		source.Settings, err = ParseSettings(source.text)
	}
	if err != nil {
		return Source{}, fmt.Errorf("%s.json: %w", name, err)
	}
	return source, nil
}

// digest tells one set of plugins from another. tasks/engine/build/plugins.py makes it in the same way.
func digest(sources []Source) string {
	sum := sha256.New()
	for _, s := range sources {
		_, _ = fmt.Fprintf(sum, "%s %d %d\n%s%s", s.Name, len(s.Program), len(s.text), s.Program, s.text) // it cannot fail
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// Follow puts the plugins in a folder in force, and again whenever they change, until ctx ends. A folder that is not
// there, or whose plugins are refused, changes nothing; an empty one switches all of them off.
func (p *Plugins) Follow(ctx context.Context, folder string) {
	var before, taken string
	for {
		now := look(folder)
		if now == before && now != taken && now != "" {
			taken = now
			p.take(ctx, folder)
		}
		before = now
		select {
		case <-ctx.Done():
			return
		case <-time.After(poll):
		}
	}
}

func (p *Plugins) take(ctx context.Context, folder string) {
	sources, err := ReadFolder(folder)
	if err != nil {
		p.refuse(ctx, folder, err)
		return
	}
	_ = p.Apply(ctx, sources, folder) // it has told what is wrong
}

// look returns what a change of a folder changes: names, sizes and times. It is "" where there is no folder.
func look(folder string) string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return ""
	}
	seen := []string{folder}
	for _, entry := range entries {
		if info, err := os.Stat(filepath.Join(folder, entry.Name())); err == nil {
			seen = append(seen, fmt.Sprint(entry.Name(), " ", info.Size(), " ", info.ModTime().UnixNano()))
		}
	}
	return strings.Join(seen, "\n")
}

func (p *Plugins) refuse(ctx context.Context, from string, err error) {
	p.sets.WithLabelValues("refused").Inc()
	p.logger.LogAttrs(ctx, slog.LevelError, "plugins are refused, and those that were in force stay",
		slog.String("from", from), slog.String("error", strings.ReplaceAll(err.Error(), "\n", "; ")))
}
