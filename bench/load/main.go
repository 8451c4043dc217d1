// Command load keeps connections to a service busy and counts what is lost.
//
// Half of the requests are POSTs with a body that the client cannot send again by itself, as those are what a careless
// switch loses: a GET is replayed by most clients without anyone noticing. It runs until its time is over, it gets
// SIGINT or SIGTERM, or its standard input ends with -phases; it lets the requests under way finish, and prints one JSON
// document.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sample is one request: when it ended, how long it took, whether it was answered as it should be, and whether it asked
// for what is slow on purpose.
type sample struct {
	end  time.Time
	took time.Duration
	ok   bool
	slow bool
}

// report is the JSON document: the figures of the whole load, of its phases, and what the watcher saw.
type report struct {
	figures
	Reasons map[string]int `json:"reasons"`
	Created []string       `json:"created,omitempty"`
	Phases  []figures      `json:"phases,omitempty"`
	Watched *watched       `json:"watched,omitempty"`
}

// options say what load to make.
type options struct {
	url         string
	connections int
	duration    time.Duration
	slowPath    string
	watchPath   string
	pause       time.Duration
	phases      bool
	authority   string
	ids         bool
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "http://127.0.0.1:8080", "the front door")
	flag.IntVar(&o.connections, "connections", 50, "connections kept alive, each with one request at a time")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long, at most")
	flag.StringVar(&o.slowPath, "slow", "", "path that one in ten requests asks for, such as /slow")
	flag.StringVar(&o.watchPath, "watch", "", "path whose answers are watched on new connections, such as /version")
	flag.DurationVar(&o.pause, "pause", 0, "how long a connection rests between two requests")
	flag.BoolVar(&o.phases, "phases", false, "begin a phase with each line of standard input; its end stops the load")
	flag.StringVar(&o.authority, "http2", "", "speak HTTP/2 over TLS with a site that this certificate vouches for")
	flag.BoolVar(&o.ids, "ids", false, "list the ids of all orders that were acknowledged")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	if err := json.NewEncoder(os.Stdout).Encode(run(ctx, o)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// afterLoss is how long a connection rests when a request was lost: a client that is refused does not try at once.
const afterLoss = 20 * time.Millisecond

// run makes the load until ctx ends.
func run(ctx context.Context, o options) report {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	workers := make([]*worker, o.connections)
	start := time.Now()
	phases := &phases{start: start}
	if o.phases {
		go phases.read(os.Stdin, cancel)
	}
	var seen *watched
	if o.watchPath != "" {
		seen = &watched{}
		wg.Go(func() { seen.watch(ctx, o.url+o.watchPath) })
	}
	for i := range workers {
		workers[i] = &worker{options: o, client: client(o), number: i, reasons: map[string]int{}}
		wg.Go(func() { workers[i].work(ctx) })
	}
	wg.Wait()
	result := summarise(workers, phases, start)
	result.Watched = seen
	return result
}

// worker is one connection with one request at a time.
type worker struct {
	options options
	client  *http.Client
	number  int
	samples []sample
	reasons map[string]int
	created []string
}

func (w *worker) work(ctx context.Context) {
	for n := w.number; ctx.Err() == nil; n++ {
		start := time.Now()
		reason := w.request(n)
		end := time.Now()
		w.samples = append(w.samples, sample{end: end, took: end.Sub(start), ok: reason == "", slow: w.slow(n)})
		if reason != "" {
			w.reasons[reason]++
			time.Sleep(afterLoss)
		}
		time.Sleep(w.options.pause)
	}
}

func (w *worker) slow(n int) bool { return n%10 == 9 && w.options.slowPath != "" }

// request makes one request and says why it is lost, or nothing. It does not end with the load: whoever asks for a
// stop still waits for what is under way.
func (w *worker) request(n int) string {
	method, path, wanted := http.MethodGet, "/v1/orders?limit=1", http.StatusOK
	var body io.Reader
	switch {
	case w.slow(n):
		path = w.options.slowPath
	case n%2 == 0:
		method, path, wanted = http.MethodPost, "/v1/orders", http.StatusCreated
		// A reader of a type that net/http does not know: it cannot be rewound, so the request cannot be replayed.
		body = struct{ io.Reader }{strings.NewReader(`{"sku":"LOAD-1","quantity":1}`)}
	}
	request, err := http.NewRequest(method, w.options.url+path, body)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.client.Do(request)
	if err != nil {
		return shortened(err)
	}
	content, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return shortened(err)
	}
	if w.options.authority != "" && response.ProtoMajor != 2 {
		return "answered over " + response.Proto
	}
	if response.StatusCode != wanted {
		return fmt.Sprintf("%s answered %d", method, response.StatusCode)
	}
	if method == http.MethodPost && w.options.ids {
		w.keep(content)
	}
	return ""
}

func (w *worker) keep(content []byte) {
	var order struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(content, &order) == nil {
		w.created = append(w.created, order.ID)
	}
}

func client(o options) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 1, MaxConnsPerHost: 1, IdleConnTimeout: time.Minute}
	if o.authority != "" {
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted(o.authority)}
		transport.ForceAttemptHTTP2 = true
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// trusted is the one certificate in a PEM file; without it no request succeeds.
func trusted(path string) *x509.CertPool {
	pool := x509.NewCertPool()
	if content, err := os.ReadFile(path); err == nil {
		pool.AppendCertsFromPEM(content)
	}
	return pool
}

func shortened(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}
