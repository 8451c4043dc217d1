package main

import (
	"bufio"
	"io"
	"sort"
	"sync"
	"time"
)

// figures are what is counted between two moments; times are in milliseconds.
type figures struct {
	Name       string  `json:"name,omitempty"`
	Requests   int     `json:"requests"`
	Lost       int     `json:"lost"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	LongestGap float64 `json:"longest_gap_ms"`
	Seconds    float64 `json:"seconds"`
}

// phases are the parts of the load that were asked for, each with its beginning. A request belongs to the phase in
// which it ended.
type phases struct {
	start  time.Time
	mu     sync.Mutex
	names  []string
	starts []time.Time
}

// read begins a phase with each line and calls stop at the end.
func (p *phases) read(lines io.Reader, stop func()) {
	defer stop()
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		p.mu.Lock()
		p.names = append(p.names, scanner.Text())
		p.starts = append(p.starts, time.Now())
		p.mu.Unlock()
	}
}

// figures counts the samples of every phase.
func (p *phases) figures(samples []sample, end time.Time) []figures {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []figures
	for i, name := range p.names {
		until := end
		if i+1 < len(p.starts) {
			until = p.starts[i+1]
		}
		f := count(samples, p.starts[i], until)
		f.Name = name
		all = append(all, f)
	}
	return all
}

func summarise(workers []*worker, p *phases, start time.Time) report {
	result := report{Reasons: map[string]int{}}
	var samples []sample
	for _, w := range workers {
		samples = append(samples, w.samples...)
		result.Created = append(result.Created, w.created...)
		for reason, n := range w.reasons {
			result.Reasons[reason] += n
		}
	}
	sort.Slice(samples, func(i, j int) bool { return samples[i].end.Before(samples[j].end) })
	end := time.Now()
	result.figures = count(samples, start, end)
	result.Phases = p.figures(samples, end)
	return result
}

// count expects samples in the order of their ends. Quantiles are of the requests that were answered as they should be,
// without those that are slow on purpose.
func count(samples []sample, from, until time.Time) figures {
	f := figures{Seconds: until.Sub(from).Seconds()}
	var took []float64
	last := from
	for _, s := range samples {
		if s.end.Before(from) || !s.end.Before(until) {
			continue
		}
		f.Requests++
		if !s.ok {
			f.Lost++
			continue
		}
		if !s.slow {
			took = append(took, milliseconds(s.took))
		}
		f.LongestGap = max(f.LongestGap, milliseconds(s.end.Sub(last)))
		last = s.end
	}
	sort.Float64s(took)
	f.P50, f.P99, f.Max = quantile(took, 0.5), quantile(took, 0.99), quantile(took, 1)
	return f
}

// quantile expects sorted values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
