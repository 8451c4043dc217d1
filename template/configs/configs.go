// Package configs holds what the service is configured with from its build on.
package configs

import _ "embed"

// Rules are those that the guard has until it is given others.
//
//go:embed rules.json
var Rules []byte
