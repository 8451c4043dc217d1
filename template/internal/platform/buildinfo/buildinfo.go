// Package buildinfo describes the build that is running.
package buildinfo

// Info is what `version` prints and GET /version answers.
type Info struct {
	Service string `json:"service"`
	Env     string `json:"env"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
	BuiltAt string `json:"built_at"` // RFC 3339, or "unknown"
}
