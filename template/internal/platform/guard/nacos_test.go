package guard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// nacosServer speaks the part of Nacos's HTTP API that its clients follow a content by.
type nacosServer struct {
	*httptest.Server
	mu       sync.Mutex
	contents map[string][]byte // by namespace, group and data id
	changed  chan struct{}
	user     string // "" where nobody has to say who asks
	token    string
	down     bool
	asked    []string // the paths, with what was listened to
}

func newNacos(t *testing.T) *nacosServer {
	t.Helper()
	n := &nacosServer{contents: map[string][]byte{}, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /nacos/v1/auth/login", n.login)
	mux.HandleFunc("GET /nacos/v1/cs/configs", n.allowed(n.get))
	mux.HandleFunc("POST /nacos/v1/cs/configs/listener", n.allowed(n.listen))
	n.Server = httptest.NewServer(mux)
	t.Cleanup(n.Close)
	return n
}

// do changes the server, and tells those who listen.
func (n *nacosServer) do(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *nacosServer) publish(key, content string) {
	n.do(func() { n.contents[key] = []byte(content) })
}

func (n *nacosServer) login(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.PostFormValue("username") != n.user || r.PostFormValue("password") != "hunter2" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	_, _ = w.Write([]byte(`{"accessToken":"` + n.token + `","tokenTtl":18000,"globalAdmin":false}`))
}

func (n *nacosServer) allowed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.asked = append(n.asked, r.URL.Path)
		refused := n.user != "" && r.URL.Query().Get("accessToken") != n.token
		down := n.down
		n.mu.Unlock()
		switch {
		case down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case refused:
			w.WriteHeader(http.StatusForbidden)
		default:
			next(w, r)
		}
	}
}

func (n *nacosServer) get(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	query := r.URL.Query()
	content, known := n.contents[query.Get("tenant")+"/"+query.Get("group")+"/"+query.Get("dataId")]
	if !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(content)
}

// listen answers at once where the content is another one than the client's, else once it changes.
func (n *nacosServer) listen(w http.ResponseWriter, r *http.Request) {
	words := strings.Split(strings.TrimSuffix(r.PostFormValue("Listening-Configs"), "\x01"), "\x02")
	key := words[1] + "/" + words[0]
	if len(words) > 3 {
		key = words[3] + "/" + key
	} else {
		key = "/" + key
	}
	for {
		n.mu.Lock()
		content, changed, down := n.contents[key], n.changed, n.down
		n.mu.Unlock()
		if sumOf(content) != words[2] || down {
			_, _ = w.Write([]byte(words[0] + "%02" + words[1] + "%01"))
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// followNacos is a service that follows rules in Nacos.
func followNacos(t *testing.T, n *nacosServer, change func(*Nacos)) *service {
	t.Helper()
	s := newService(t, rulesOf(1))
	where := Nacos{Address: n.URL + "/nacos", Group: "DEFAULT_GROUP", DataID: "svc-rules"}
	if change != nil {
		change(&where)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan bool)
	go func() {
		defer close(ended)
		s.guard.FollowNacos(ctx, where)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return s
}

// stays holds that the rules in force have a threshold, and still do after a while.
func (s *service) stays(threshold int) {
	s.t.Helper()
	time.Sleep(5 * settled)
	if got := s.inForce(); got != threshold {
		s.t.Errorf("the rules in force are %d", got)
	}
}

func TestRulesInNacosAreAppliedAndSoIsEachOfTheirChanges(t *testing.T) {
	n := newNacos(t)
	s := followNacos(t, n, nil)
	for threshold := 2; threshold < 6; threshold++ {
		n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(threshold))
		s.until(threshold)
	}
	n.publish("/DEFAULT_GROUP/other-rules", rulesOf(9))
	n.publish("dev/DEFAULT_GROUP/svc-rules", rulesOf(9))
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(7))
	s.until(7)
}

func TestANamespaceHasRulesOfItsOwn(t *testing.T) {
	n := newNacos(t)
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(9))
	s := followNacos(t, n, func(where *Nacos) { where.Namespace = "dev" })
	for threshold := 2; threshold < 4; threshold++ {
		n.publish("dev/DEFAULT_GROUP/svc-rules", rulesOf(threshold))
		s.until(threshold)
	}
}

func TestWrongRulesInNacosAndNoneChangeNothing(t *testing.T) {
	n := newNacos(t)
	s := followNacos(t, n, nil)
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(2))
	s.until(2)
	for _, text := range []string{"", "{", rulesOf(0)} {
		n.publish("/DEFAULT_GROUP/svc-rules", text)
	}
	n.do(func() { delete(n.contents, "/DEFAULT_GROUP/svc-rules") })
	s.stays(2)
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(3))
	s.until(3)
}

func TestRulesStayWhileNacosIsAwayAndAreNewOnceItIsBack(t *testing.T) {
	n := newNacos(t)
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(2))
	s := followNacos(t, n, nil)
	s.until(2)
	n.do(func() { n.down = true })
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(3))
	s.stays(2)
	n.do(func() { n.down = false })
	s.until(3)
}

func TestWhoAsksNacosSaysSoAndAgainWhenTheTokenIsNotGoodAnyMore(t *testing.T) {
	n := newNacos(t)
	n.user, n.token = "reader", "first"
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(2))
	s := followNacos(t, n, func(where *Nacos) { where.User, where.Password = "reader", "hunter2" })
	s.until(2)
	n.do(func() { n.token = "second" })
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(3))
	s.until(3)
}

func TestNobodyAsksNacosAllTheTime(t *testing.T) {
	n := newNacos(t)
	n.publish("/DEFAULT_GROUP/svc-rules", rulesOf(2))
	s := followNacos(t, n, nil)
	s.until(2)
	time.Sleep(10 * settled)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.asked) > 4 {
		t.Errorf("while nothing changed, Nacos was asked for %v", n.asked)
	}
}

func TestWhereTheRulesAreIsSaidWithoutThePasswordOfTheAddress(t *testing.T) {
	for _, address := range []string{"http://reader:hunter2@nacos:8848/nacos", "http://reader:hunter2@nacos:%zz"} {
		if told := (Nacos{Address: address, Group: "g", DataID: "d"}).String(); strings.Contains(told, "hunter2") {
			t.Errorf("it says %s", told)
		}
	}
}

func TestALogTellsWhatIsWrongWithNacosAndNoPassword(t *testing.T) {
	n := newNacos(t)
	n.user, n.token = "reader", "first"
	client := &nacosClient{Nacos: Nacos{Address: n.URL + "/nacos", User: "reader", Password: "wrong-hunter"}}
	for _, address := range []string{n.URL + "/nacos", "http://127.0.0.1:1/nacos", "http://%zz"} {
		client.Address = address
		err := client.round(t.Context(), func([]byte) { t.Error("rules came") })
		if err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "accessToken") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
