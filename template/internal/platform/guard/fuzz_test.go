package guard

import (
	"encoding/json"
	"testing"
)

// FuzzParse reads any text: what is taken for rules is the same when it is written and read once more, and can be counted by.
func FuzzParse(f *testing.F) {
	known := Resources{Routes: []string{"POST /things"}, Dependencies: []string{"database"}}
	for _, text := range []string{
		"", "null", "{}", "[]", hundredPerSecond, rulesOf(3), `{"flow": [{"resource": "POST /things", "threshold": 1e308}]}`,
		`{"flow": [{"resource": "POST /things", "threshold": 1e-300, "burst": 9223372036854775807}]}`,
		`{"circuitBreaker": [{"resource": "database", "strategy": "errorRatio", "threshold": 1, "statIntervalMs": 1}]}`,
	} {
		f.Add([]byte(text))
	}

	f.Fuzz(func(t *testing.T, text []byte) {
		rules, err := Parse(text, known)
		if err != nil {
			return
		}
		written, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(written, known); err != nil {
			t.Errorf("%s is read once only: %v", written, err)
		}
		set := next(rules, &set{})
		for _, flow := range set.flow {
			flow.wait()
		}
		if done, _, ok := set.allow("database"); ok {
			done(0, failed)
		}
	})
}
