package config

import (
	"cmp"
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Name   string // the variable
	Detail string // what is wrong and what is expected; never a secret's value
}

// Faults is everything that is wrong with the configuration: the error of Load.
type Faults []Fault

// Error returns a heading that says how many faults there are, then a line for each.
func (f Faults) Error() string {
	var text strings.Builder
	if len(f) == 1 {
		text.WriteString("the configuration has 1 fault:")
	} else {
		fmt.Fprintf(&text, "the configuration has %d faults:", len(f))
	}
	for _, fault := range f {
		fmt.Fprintf(&text, "\n  %s: %s", fault.Name, fault.Detail)
	}
	return text.String()
}

// Unusable is the fault of a variable whose value nothing could be opened with. The error must not tell a secret.
func Unusable(variable string, err error) error {
	return Faults{{Name: variable, Detail: "cannot be used: " + err.Error()}}
}

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int { return cmp.Compare(a.Name, b.Name) })
}

// names returns the variables that have a fault already, so that one mistake is not reported twice.
func (f Faults) names() map[string]bool {
	names := make(map[string]bool, len(f))
	for _, fault := range f {
		names[strings.TrimSuffix(fault.Name, "_FILE")] = true
	}
	return names
}

// fields iterates over the fields of Config.
func fields() iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		config := reflect.TypeFor[Config]()
		for i := range config.NumField() {
			if !yield(config.Field(i)) {
				return
			}
		}
	}
}

// wrong says that the variable name cannot have value.
func wrong(name, value string) Fault {
	for field := range fields() {
		if field.Tag.Get("env") == name {
			return wrongValue(field, value)
		}
	}
	panic("config: there is no variable " + name)
}

// wrongValue says that field cannot have value; a secret's value is left out.
func wrongValue(field reflect.StructField, value string) Fault {
	name, want := field.Tag.Get("env"), field.Tag.Get("want")
	switch {
	case value == "":
		return Fault{name, "is missing, expected " + want}
	case field.Tag.Get("secret") != "":
		return Fault{name, "has a value that cannot be used, expected " + want}
	default:
		return Fault{name, fmt.Sprintf("%q cannot be used, expected %s", value, want)}
	}
}

// redact returns value as it may be logged: of a secret URL the scheme, host and path are left, of a secret nothing.
func redact(field reflect.StructField, value string) string {
	if value == "" {
		return ""
	}
	switch field.Tag.Get("secret") {
	case "":
		return value
	case "url":
		if u, err := url.Parse(value); err == nil {
			return (&url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path}).String()
		}
	}
	return "[redacted]"
}
