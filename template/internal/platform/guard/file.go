package guard

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long a folder has to be quiet before its file is read: a file that is written is changed many times.
	settle = 100 * time.Millisecond
	// poll is how often the file is read where nothing tells of changes, as on some network file systems.
	poll = 5 * time.Second
)

// Follow applies the rules in a file whenever they change, until ctx ends. A file that is not there, that is empty or
// whose rules are refused changes nothing. What is watched is the file's folder: the file of a ConfigMap, or one that is
// moved there, is another one every time.
func (g *Guard) Follow(ctx context.Context, path string) {
	watcher, err := watch(path)
	if err != nil {
		g.logger.LogAttrs(ctx, slog.LevelWarn, "the folder of the rules is not watched, and is looked at every 5 s",
			slog.String("error", err.Error()))
		watcher = &fsnotify.Watcher{}
	} else {
		defer func() { _ = watcher.Close() }() // nothing is read from it any more
	}
	var last seen
	for {
		last = g.read(ctx, path, last)
		if !changed(ctx, g.logger, watcher) {
			return
		}
	}
}

// watch watches the folder of a file.
func watch(path string) (*fsnotify.Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	return watcher, nil
}

// changed waits until something may have changed. It is false where ctx has ended.
func changed(ctx context.Context, logger *slog.Logger, watcher *fsnotify.Watcher) bool {
	latest := time.Now().Add(poll)
	wait := time.NewTimer(poll)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-watcher.Events:
			wait.Reset(min(settle, time.Until(latest)))
		case err := <-watcher.Errors: // some changes were not told
			logger.LogAttrs(ctx, slog.LevelDebug, "the folder of the rules is looked at", slog.String("error", err.Error()))
			wait.Reset(0)
		case <-wait.C:
			return true
		}
	}
}

// seen is what a file was when it was looked at last.
type seen struct {
	text  []byte // nil where it was never read
	fault string
}

// read applies what a file has if that is something new, and returns what it has seen.
func (g *Guard) read(ctx context.Context, path string, last seen) seen {
	text, err := os.ReadFile(path)
	if err != nil {
		never := last.text == nil && errors.Is(err, fs.ErrNotExist)
		if fault := err.Error(); fault != last.fault && !never {
			g.logger.LogAttrs(ctx, slog.LevelWarn, "the rules cannot be read, and those that are in force stay",
				slog.String("error", fault))
		}
		return seen{text: last.text, fault: err.Error()}
	}
	if last.text == nil || !bytes.Equal(text, last.text) {
		_ = g.Apply(ctx, text, path) // it has told what is wrong
	}
	return seen{text: text}
}
