// Package secretkeeper keeps the secrets of releases in a host's memory. On its disk they are encrypted only: for an identity
// of the host, by which they come back after a restart of the machine.
package secretkeeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
)

const (
	encrypted = ".age"
	// database is the name, beside those of releases, of what the stack's own database is started with.
	database = "database"
	// identityFile and recipientFile are the host's own pair of keys.
	identityFile  = "identity.txt"
	recipientFile = "recipient.txt"
	// largest bounds what is read of one file, in bytes.
	largest = 16 << 20
)

// Store is where secrets are: for each release a folder with a file for each of its secrets.
type Store struct {
	Kept     string // the folder on the disk, with an encrypted file for each release
	Identity string // the folder on the disk that has the host's identity
	Without  bool   // the host is to have no identity: one that it had is removed
	Memory   string // the folder in memory that has those of the service
	Database string // the one that has those of the database
	Logger   *slog.Logger
}

// Hold writes what is kept into memory, as far as the host's identity opens it, and returns when ctx ends. Until then the
// process has the folders in memory open, without which they would be empty.
func (s Store) Hold(ctx context.Context) error {
	if s.Without {
		if err := s.removeIdentity(); err != nil {
			return fmt.Errorf("the host's identity: %w", err)
		}
	} else if err := s.restore(ctx); err != nil {
		return err
	}
	s.Logger.LogAttrs(ctx, slog.LevelInfo, "secrets are held")
	<-ctx.Done()
	return nil
}

// Retain forgets the secrets of all releases but these.
func (s Store) Retain(releases []string) error {
	kept := append([]string{database}, releases...)
	var errs []error
	for _, folder := range []string{s.Kept, s.Memory} {
		entries, err := os.ReadDir(folder)
		errs = append(errs, err)
		for _, entry := range entries {
			if name := strings.TrimSuffix(entry.Name(), encrypted); !slices.Contains(kept, name) {
				errs = append(errs, remove(filepath.Join(folder, entry.Name())))
			}
		}
	}
	return errors.Join(errs...)
}

// remove removes a file, or a folder that is only to be read.
func remove(path string) error {
	if err := os.Chmod(path, 0o700); err != nil { // #nosec G302 -- a folder, whose files are to be removed
		return err
	}
	return os.RemoveAll(path)
}

// identity returns the host's identity, which is made where there is none, and writes for whom to encrypt beside it.
func (s Store) identity() (*age.X25519Identity, error) {
	path := filepath.Join(s.Identity, identityFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.newIdentity(path)
	}
	if err != nil {
		return nil, err
	}
	identity, err := age.ParseX25519Identity(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, err
	}
	return identity, s.publish(identity)
}

func (s Store) newIdentity(path string) (*age.X25519Identity, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	if err := write(path, []byte(identity.String()+"\n"), 0o400); err != nil {
		return nil, err
	}
	return identity, s.publish(identity)
}

func (s Store) publish(identity *age.X25519Identity) error {
	return write(filepath.Join(s.Identity, recipientFile), []byte(identity.Recipient().String()+"\n"), 0o444)
}

// removeIdentity removes the files, as the folder that they are in belongs to others.
func (s Store) removeIdentity() error {
	for _, name := range []string{identityFile, recipientFile} {
		if err := os.Remove(filepath.Join(s.Identity, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// restore writes what is kept into memory. What is for other identities stays where it is.
func (s Store) restore(ctx context.Context) error {
	identity, err := s.identity()
	if err != nil {
		return fmt.Errorf("the host's identity: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(s.Kept, "*"+encrypted))
	if err != nil {
		return err
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), encrypted)
		values, err := open(path, identity)
		if err == nil {
			err = s.deliver(name, values)
		}
		if err != nil {
			s.Logger.LogAttrs(ctx, slog.LevelError, "secrets cannot be brought back",
				slog.String("release", name), slog.String("error", err.Error()))
		}
	}
	return nil
}

func (s Store) deliver(name string, values map[string]string) error {
	if name != database {
		return fill(filepath.Join(s.Memory, name), values)
	}
	for name, value := range values {
		// The database's user is another one, and mounts this folder alone.
		if err := write(filepath.Join(s.Database, name), []byte(value), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// fill makes a folder with a file for each value, as a whole or not at all, unless it is there.
func fill(folder string, values map[string]string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	draft, err := os.MkdirTemp(filepath.Dir(folder), ".draft-")
	if err != nil {
		return err
	}
	for name, value := range values {
		if err := os.WriteFile(filepath.Join(draft, name), []byte(value), 0o400); err != nil {
			return err
		}
	}
	if err := os.Chmod(draft, 0o500); err != nil { // #nosec G302 -- a folder, which its owner enters
		return err
	}
	return os.Rename(draft, folder)
}

// open returns the values in an encrypted file. No error tells any of them.
func open(path string, identity age.Identity) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing is written to it
	plain, err := age.Decrypt(file, identity)
	var others *age.NoIdentityMatchError
	if errors.As(err, &others) {
		return nil, errors.New("it is for others")
	}
	if err != nil {
		return nil, errors.New("it is damaged")
	}
	text, err := io.ReadAll(io.LimitReader(plain, largest))
	if err != nil {
		return nil, err
	}
	var values map[string]string
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&values); err != nil {
		return nil, errors.New("it has no values")
	}
	for name := range values {
		if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
			return nil, errors.New("it has a name that is no file's")
		}
	}
	return values, nil
}

// write writes a file as a whole, also in the place of one that is only to be read.
func write(path string, data []byte, mode fs.FileMode) error {
	draft := filepath.Join(filepath.Dir(path), ".draft-"+filepath.Base(path))
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(draft, data, mode); err != nil { // #nosec G703 -- open lets no name through that leads elsewhere
		return err
	}
	return os.Rename(draft, path)
}
