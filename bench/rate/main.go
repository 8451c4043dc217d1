// Command rate asks one URL again and again, on connections that stay open and without a pause, and prints as one JSON
// document how often it was answered in how long.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// figures are the document; times are in milliseconds.
type figures struct {
	Requests int     `json:"requests"`
	Lost     int     `json:"lost"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	P999     float64 `json:"p999_ms"`
	Reason   string  `json:"reason,omitempty"` // of the first that was lost
}

func main() {
	address := flag.String("url", "", "what is asked for")
	body := flag.String("body", "", "JSON that is posted")
	token := flag.String("token", "", "a bearer token that goes along")
	connections := flag.Int("connections", 16, "how many ask at the same time")
	duration := flag.Duration("duration", 2*time.Second, "for how long")
	status := flag.Int("status", http.StatusOK, "the answer that counts")
	flag.Parse()

	target, err := url.Parse(*address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	results := make([]worker, *connections)
	end := time.Now().Add(*duration)
	begun := time.Now()
	var group sync.WaitGroup
	for i := range results {
		results[i] = worker{host: target.Host, message: message(target, *body, *token), want: *status}
		group.Go(func() { results[i].run(end) })
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(summary(results, time.Since(begun))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// message is the request as it is written to a connection: a client that makes each anew would be what is measured.
func message(target *url.URL, body, token string) []byte {
	var text strings.Builder
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target.RequestURI(), target.Host)
	if token != "" {
		fmt.Fprintf(&text, "Authorization: Bearer %s\r\n", token)
	}
	if body != "" {
		fmt.Fprintf(&text, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	text.WriteString("\r\n" + body)
	return []byte(text.String())
}

type worker struct {
	host    string
	message []byte
	want    int
	took    []time.Duration
	lost    int
	reason  string
}

func (w *worker) run(end time.Time) {
	var connection net.Conn
	var reader *bufio.Reader
	for time.Now().Before(end) {
		if connection == nil {
			made, err := net.Dial("tcp", w.host)
			if err != nil {
				w.lose(err.Error())
				time.Sleep(10 * time.Millisecond)
				continue
			}
			connection, reader = made, bufio.NewReader(made)
		}
		begun := time.Now()
		status, err := ask(connection, reader, w.message)
		if err != nil {
			w.lose(err.Error())
			_ = connection.Close()
			connection = nil
			continue
		}
		if status != w.want {
			w.lose(http.StatusText(status))
			continue
		}
		w.took = append(w.took, time.Since(begun))
	}
	if connection != nil {
		_ = connection.Close()
	}
}

func (w *worker) lose(reason string) {
	w.lost++
	if w.reason == "" {
		w.reason = reason
	}
}

// ask sends a request and reads its answer.
func ask(connection net.Conn, reader *bufio.Reader, message []byte) (int, error) {
	if _, err := connection.Write(message); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return 0, err
	}
	_, err = reader.Discard(int(max(answer.ContentLength, 0)))
	return answer.StatusCode, err
}

func summary(workers []worker, took time.Duration) figures {
	f := figures{Seconds: took.Seconds()}
	var all []time.Duration
	for _, w := range workers {
		all = append(all, w.took...)
		f.Lost += w.lost
		if f.Reason == "" {
			f.Reason = w.reason
		}
	}
	f.Requests = len(all)
	slices.Sort(all)
	f.P50, f.P99, f.P999 = quantile(all, 0.5), quantile(all, 0.99), quantile(all, 0.999)
	return f
}

// quantile expects sorted values.
func quantile(values []time.Duration, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return float64(values[min(len(values)-1, int(q*float64(len(values))))].Microseconds()) / 1000
}
