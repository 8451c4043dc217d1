package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzLoad gives a variable any value: what is wrong with it is told as a fault that names the variable, in lines that it
// cannot forge.
func FuzzLoad(f *testing.F) {
	for i := range Names() {
		for _, value := range []string{"", "1", "-1", "99999", "%zz", "a\nb", "\xff", "::1", "5m", "https://user:hunter2@host"} {
			f.Add(uint(i), value)
		}
	}

	secret := map[string]bool{}
	for field := range fields() {
		secret[field.Tag.Get("env")] = field.Tag.Get("secret") != ""
	}

	f.Fuzz(func(t *testing.T, which uint, value string) {
		name := Names()[which%uint(len(Names()))]
		if strings.ContainsRune(value, 0) {
			t.Skip("no environment holds such a value")
		}
		_, err := Load(minimal(name+"="+value), "")
		if err == nil {
			return
		}
		var faults Faults
		if !errors.As(err, &faults) {
			t.Fatalf("%s=%q: %v is no list of faults", name, value, err)
		}
		for _, fault := range faults {
			if strings.ContainsAny(fault.Detail, "\n\r") {
				t.Errorf("%s=%q: a fault of several lines: %q", name, value, fault.Detail)
			}
			if secret[name] && strings.Contains(fault.Detail, "hunter2") {
				t.Errorf("%s: a fault tells a password: %q", name, fault.Detail)
			}
		}
	})
}
