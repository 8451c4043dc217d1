package config

import (
	"errors"
	"net/url"
	"strings"
)

// ParseHeaders reads headers as OpenTelemetry has them in a variable: name=value pairs separated by commas, with values in
// percent-encoding.
func ParseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, encoded, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil {
			return nil, errors.New("it is no list of name=value pairs")
		}
		headers[name] = value
	}
	return headers, nil
}

func validTraceEndpoint(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}
