package plugins

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestAPluginChangesWhatTheHandlerSeesAndWhatTheClientGets(t *testing.T) {
	p, _ := newPlugins(t,
		guestNamed(t, "1-first", []string{"request Given=by the first"}),
		guestNamed(t, "2-second", []string{"set Policy=on"}),
	)
	got := post(t, serve(t, p).URL+"/echo", "hello")

	if got.status != 200 || got.body != "hello" {
		t.Errorf("got %d %q", got.status, got.body)
	}
	if saw := got.header.Get("Handler-Saw"); saw != "by the first" {
		t.Errorf("the handler saw %q", saw)
	}
	if policy := got.header.Get("Policy"); policy != "on" {
		t.Errorf("the client got Policy %q", policy)
	}
}

func TestAPluginAnswersInThePlaceOfTheHandlerAndOfThePluginsAfterIt(t *testing.T) {
	p, _ := newPlugins(t,
		guestNamed(t, "1-refuses", []string{"refuse not from here"}),
		guestNamed(t, "2-later", []string{"set Later=on"}),
	)
	got := post(t, serve(t, p).URL+"/echo", "hello")

	if got.status != 403 || got.body != "not from here" || got.header.Get("Later") != "" {
		t.Errorf("got %d %q, Later %q", got.status, got.body, got.header.Get("Later"))
	}
}

func TestAPluginReadsAndReplacesBothBodies(t *testing.T) {
	p, _ := newPlugins(t, guestNamed(t, "upper", []string{"buffer", "upper"}))
	server := serve(t, p)

	for _, path := range []string{"/echo", "/echo/large"} {
		if got := post(t, server.URL+path, "hello"); got.status != 201 || got.body != "HELLO" {
			t.Errorf("%s: got %d %q", path, got.status, got.body)
		}
	}
	large := strings.Repeat("x", 2<<20)
	if got := post(t, server.URL+"/echo", large); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body above the limit: got %d", got.status)
	}
}

func TestWhatAPluginRemembersOfARequestIsThereAtItsAnswer(t *testing.T) {
	p, _ := newPlugins(t, guestNamed(t, "remembers", []string{"buffer", "remember"}))
	server := serve(t, p)

	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			path := "/echo?number=" + strconv.Itoa(i)
			got, err := tryPost(server.URL+path, "")
			if err != nil || got.header.Get("Remembered") != path {
				t.Errorf("%s: got %d, Remembered %q, %v", path, got.status, got.header.Get("Remembered"), err)
			}
		})
	}
	group.Wait()
}

func TestAPluginThatFailsRefusesTheRequestOrIsBypassedAsItsSettingsSay(t *testing.T) {
	ways := map[string]string{
		"loop": "took longer than 100ms", "panic": "as it was asked to",
		"memory": "out of memory", "rules": "0 is no status of HTTP",
	}
	does := []string{"buffer", "request Given=by the plugin", "set Policy=on"}
	for way, said := range ways {
		for _, header := range []string{"Fail", "Fail-Late"} {
			for _, onFailure := range []string{Refuse, Bypass} {
				t.Run(strings.Join([]string{way, header, onFailure}, " "), func(t *testing.T) {
					p, logged := newPlugins(t, guestNamed(t, "fails", does, func(s *Settings) {
						s.OnFailure = onFailure
						if way == "loop" {
							s.TimeLimitMs = 100
						}
					}))
					server := serve(t, p)

					got := post(t, server.URL+"/echo", "hello", header, way, "Given", "by the client")
					if onFailure == Refuse && (got.status != 503 || got.header.Get("Policy") != "" && header == "Fail") {
						t.Errorf("got %d %q with Policy %q", got.status, got.body, got.header.Get("Policy"))
					}
					if onFailure == Bypass && (got.status != 200 || got.body != "hello") {
						t.Errorf("got %d %q", got.status, got.body)
					}
					if saw := got.header.Get("Handler-Saw"); onFailure == Bypass && header == "Fail" && saw != "by the client" {
						t.Errorf("bypassed, and the handler saw what the plugin had done: %q", saw)
					}
					if !strings.Contains(logged.String(), said) {
						t.Errorf("the log does not say %q: %s", said, logged)
					}
					if way == "loop" {
						return // the limit that ends it soon may end the next one, too
					}
					if again := post(t, server.URL+"/echo", "hello"); again.status != 200 || again.header.Get("Policy") != "on" {
						t.Errorf("after that: got %d, Policy %q", again.status, again.header.Get("Policy"))
					}
				})
			}
		}
	}
}

func TestPluginsAreExchangedUnderLoadWithoutALostRequest(t *testing.T) {
	version := func(v string) Source {
		return guestNamed(t, "version", []string{"set Version=" + v})
	}
	p, _ := newPlugins(t, version("0"))
	server := serve(t, p)
	ctx, stop := context.WithCancel(t.Context())

	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for ctx.Err() == nil {
				got, err := tryPost(server.URL+"/echo", "hello")
				if err != nil || got.status != 200 || got.header.Get("Version") == "" {
					t.Errorf("got %d, Version %q, %v", got.status, got.header.Get("Version"), err)
				}
			}
		})
	}
	for i := range 4 {
		wanted := strconv.Itoa(i)
		if err := p.Apply(t.Context(), []Source{version(wanted)}, "the test"); err != nil {
			t.Error(err)
		}
		if got := post(t, server.URL+"/echo", "").header.Get("Version"); got != wanted {
			t.Errorf("version %s is in force, and %q answers", wanted, got)
		}
		broken := Source{Name: "broken", Program: []byte("none"), Settings: DefaultSettings()}
		if err := p.Apply(t.Context(), []Source{version("x"), broken}, "the test"); err == nil {
			t.Error("a set with a plugin that is none was applied")
		}
	}
	stop()
	group.Wait()
}

func TestAnAnswerThatIsFlushedOrLargeGoesOnAlthoughThePluginWouldHoldItBack(t *testing.T) {
	p, _ := newPlugins(t, guestNamed(t, "holds", []string{"buffer"}))
	release := make(chan struct{})
	server := serve(t, p, func(router *gin.Engine) {
		router.GET("/stream", func(c *gin.Context) {
			_, _ = c.Writer.WriteString("first\n")
			c.Writer.Flush()
			<-release
		})
		router.GET("/large", func(c *gin.Context) { c.String(http.StatusOK, strings.Repeat("x", 3<<20)) })
	})
	response, err := http.Get(server.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 6)
	if _, err := io.ReadFull(response.Body, part); err != nil || string(part) != "first\n" {
		t.Errorf("got %q, %v", part, err)
	}
	close(release)
	_ = response.Body.Close()

	response, err = http.Get(server.URL + "/large")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(response.Body)
	if err != nil || len(whole) != 3<<20 {
		t.Errorf("got %d bytes, %v", len(whole), err)
	}
	_ = response.Body.Close()
}

func TestAPluginWhoseInstancesAreAllBusyFails(t *testing.T) {
	p, logged := newPlugins(t, guestNamed(t, "one", []string{"remember"}, func(s *Settings) {
		s.Instances, s.TimeLimitMs = 1, 200
	}))
	inside, release := make(chan struct{}), make(chan struct{})
	server := serve(t, p, func(router *gin.Engine) {
		router.POST("/slow", func(c *gin.Context) { close(inside); <-release })
	})
	go func() { _, _ = tryPost(server.URL+"/slow", "") }()
	<-inside
	if got := post(t, server.URL+"/echo", ""); got.status != 503 || !strings.Contains(logged.String(), "busy") {
		t.Errorf("got %d: %s", got.status, logged)
	}
	close(release)
}

func TestProbesAreNotThePluginsToAnswer(t *testing.T) {
	p, _ := newPlugins(t, guestNamed(t, "refuses", []string{"refuse nobody"}))
	response, err := http.Get(serve(t, p).URL + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got %d", response.StatusCode)
	}
}

func BenchmarkAPlugin(b *testing.B) {
	p, _ := newPlugins(b, guestNamed(b, "sets", []string{"set Policy=on"}))
	for name, filter := range map[string]gin.HandlerFunc{"without": func(*gin.Context) {}, "with": p.Middleware()} {
		b.Run(name, func(b *testing.B) {
			router := gin.New()
			router.Use(filter)
			router.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			for b.Loop() {
				router.ServeHTTP(httptest.NewRecorder(), request)
			}
		})
	}
}
