package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// watchPause is the time between two looks: long enough that looking costs a deploy on two cores nothing.
const watchPause = 50 * time.Millisecond

// watched is what one client saw that asks for the same path again and again, each time on a new connection.
type watched struct {
	Changes    []change `json:"changes"`
	Requests   int      `json:"requests"`
	Lost       int      `json:"lost"`
	LongestGap float64  `json:"longest_gap_ms"`
}

// change is an answer that differs from the one before, with its time in milliseconds since 1970.
type change struct {
	At     int64  `json:"at_ms"`
	Answer string `json:"answer"`
}

// watch looks until ctx ends.
func (w *watched) watch(ctx context.Context, url string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	last := time.Now()
	for ctx.Err() == nil {
		w.Requests++
		answer, ok := look(client, url)
		now := time.Now()
		if ok {
			w.LongestGap = max(w.LongestGap, milliseconds(now.Sub(last)))
			last = now
		} else {
			w.Lost++
		}
		if ok && (len(w.Changes) == 0 || w.Changes[len(w.Changes)-1].Answer != answer) {
			w.Changes = append(w.Changes, change{At: now.UnixMilli(), Answer: answer})
		}
		time.Sleep(watchPause)
	}
}

func look(client *http.Client, url string) (string, bool) {
	response, err := client.Get(url)
	if err != nil {
		return "", false
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return string(content), err == nil && response.StatusCode == http.StatusOK
}
