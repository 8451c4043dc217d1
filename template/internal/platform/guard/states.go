package guard

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// states collects how the rules stand that are in force now.
type states struct {
	guard *Guard
}

func (s *states) describe() (open, within, bound *prometheus.Desc) {
	open = prometheus.NewDesc("guard_breaker_open", "Whether a dependency is left alone.", []string{"resource", "strategy"}, nil)
	within = prometheus.NewDesc("guard_in_flight", "Requests that are worked on now.", []string{"resource"}, nil)
	bound = prometheus.NewDesc("guard_in_flight_limit", "How many may be worked on at the same time.", []string{"resource"}, nil)
	return open, within, bound
}

// Describe implements prometheus.Collector.
func (s *states) Describe(to chan<- *prometheus.Desc) {
	open, within, bound := s.describe()
	to <- open
	to <- within
	to <- bound
}

// Collect implements prometheus.Collector.
func (s *states) Collect(to chan<- prometheus.Metric) {
	open, within, bound := s.describe()
	rules := s.guard.current.Load()
	for resource, breakers := range rules.breakers {
		for _, b := range breakers {
			value := 0.0
			if b.circuit.State() == gobreaker.StateOpen {
				value = 1
			}
			to <- prometheus.MustNewConstMetric(open, prometheus.GaugeValue, value, resource, b.rule.Strategy)
		}
	}
	for resource, i := range rules.isolation {
		now, limit := i.state()
		to <- prometheus.MustNewConstMetric(within, prometheus.GaugeValue, float64(now), resource)
		to <- prometheus.MustNewConstMetric(bound, prometheus.GaugeValue, float64(limit), resource)
	}
}
