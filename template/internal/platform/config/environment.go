package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Lookup returns one variable's value, or fallback where it is unset or unreadable. It is for a caller that needs one
// value quickly and leaves the checking of everything to Load.
func Lookup(environ []string, name, fallback string) string {
	values, _ := resolve(environ, []string{name})
	if value := values[name]; value != "" {
		return value
	}
	return fallback
}

// BeforeProduction reports whether an environment is one of those that a service is made and tried in: dev and staging, and
// no other, whatever it is called.
func BeforeProduction(environment string) bool {
	return environment == "dev" || environment == "staging"
}

// resolve returns the values of names. NAME_FILE gives a value by the path of a file that holds it, as in the official
// images of databases: a secret then never shows in the environment of a process. One newline at its end is dropped.
func resolve(environ, names []string) (map[string]string, Faults) {
	given := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && value != "" {
			given[name] = value
		}
	}

	values := make(map[string]string, len(names))
	var faults Faults
	for _, name := range names {
		path := given[name+"_FILE"]
		switch {
		case path == "":
			if value, ok := given[name]; ok {
				values[name] = value
			}
		case given[name] != "":
			faults = append(faults, Fault{name, "is given twice, expected either " + name + " or " + name + "_FILE"})
		default:
			value, err := readValue(path)
			if err != nil {
				faults = append(faults, Fault{name + "_FILE", err.Error() + ", expected a file with the value"})
			} else if value != "" {
				values[name] = value
			}
		}
	}
	return values, faults
}

func readValue(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	value := strings.TrimSuffix(string(content), "\n")
	return strings.TrimSuffix(value, "\r"), nil
}
