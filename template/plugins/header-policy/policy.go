// A plugin that holds requests and answers to a policy for their headers: some that clients have no business with are
// taken away, some a request has to have, and some every answer has. Its config is in header-policy.json.
package main

import (
	"fmt"
	"strings"
)

// policy is the plugin's config.
type policy struct {
	Remove  []string          `json:"remove"`  // from requests
	Require []string          `json:"require"` // of requests
	Respond map[string]string `json:"respond"` // that every answer has
}

// message is a request, and the answer that it will get.
type message interface {
	Has(name string) bool
	Remove(name string)
	Respond(name, value string)
}

// apply holds a message to the policy, and returns why the request is refused, or "".
func (p policy) apply(m message) string {
	for _, name := range p.Remove {
		m.Remove(name)
	}
	for name, value := range p.Respond {
		m.Respond(name, value)
	}
	var missing []string
	for _, name := range p.Require {
		if !m.Has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("the request needs %s", strings.Join(missing, ", "))
}

// main is never called: the service calls what is exported.
func main() {}
