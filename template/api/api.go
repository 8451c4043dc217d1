// Package api holds the description of the HTTP API.
package api

import _ "embed" // for the document

// Document is the OpenAPI description of the service, in YAML.
//
//go:embed openapi.yaml
var Document []byte
