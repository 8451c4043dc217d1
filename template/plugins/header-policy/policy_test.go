package main

import (
	"net/http"
	"testing"
)

type recorded struct{ request, answer http.Header }

func (r recorded) Has(name string) bool       { return r.request.Get(name) != "" }
func (r recorded) Remove(name string)         { r.request.Del(name) }
func (r recorded) Respond(name, value string) { r.answer.Set(name, value) }

func TestHeadersAreTakenAwayRequiredAndGiven(t *testing.T) {
	p := policy{
		Remove: []string{"X-Rewrite-URL"}, Require: []string{"X-Tenant", "X-Rewrite-URL"},
		Respond: map[string]string{"X-Content-Type-Options": "nosniff"},
	}
	m := recorded{http.Header{"X-Rewrite-Url": {"/admin"}, "X-Tenant": {"north"}}, http.Header{}}

	if got, want := p.apply(m), "the request needs X-Rewrite-URL"; got != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
	if got := m.answer.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("the answer has X-Content-Type-Options %q", got)
	}
	p.Require = []string{"X-Tenant"}
	if got := p.apply(m); got != "" {
		t.Errorf("refused with %q, want to let it pass", got)
	}
}
