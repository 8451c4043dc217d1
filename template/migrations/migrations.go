// Package migrations holds the database's schema as a sequence of steps, which `migrate` applies.
package migrations

import "embed"

// Files are the steps, NNNN_name.sql, in the format of goose (https://pressly.github.io/goose).
//
//go:embed *.sql
var Files embed.FS
