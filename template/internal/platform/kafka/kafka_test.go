package kafka

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestAURLNamesBrokersAndHowToGetIn(t *testing.T) {
	for url, want := range map[string][]string{
		"kafka://one":                                             {"one:9092"},
		"kafka://one:9093,two,three:9094":                         {"one:9093", "two:9092", "three:9094"},
		"kafka://[2001:db8::1]:9093":                              {"[2001:db8::1]:9093"},
		"kafka://user:secret@one:9092?tls=true":                   {"one:9092"},
		"kafka://user@one:9092?mechanism=plain":                   {"one:9092"},
		"kafka://user@one/?mechanism=scram-sha-256":               {"one:9092"},
		"kafka://user@one:9092?mechanism=scram-sha-512&tls=false": {"one:9092"},
	} {
		options, err := Options(Settings{URL: url, Service: "orders"})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		client, err := kgo.NewClient(options...)
		if err != nil {
			t.Fatal(err)
		}
		if got := client.OptValue(kgo.SeedBrokers); !slices.Equal(got.([]string), want) {
			t.Errorf("%s: brokers %v, want %v", url, got, want)
		}
		client.Close()
	}
}

func TestAWrongURLIsRefusedWithoutItsPassword(t *testing.T) {
	for url, want := range map[string]string{
		"kafka://user:hunter2%@one:9092":             "percent-encoded",
		"https://user:hunter2@one:9092":              "kafka://",
		"kafka:one:9092":                             "kafka://",
		"kafka://user:hunter2@one?tls=maybe":         "tls",
		"kafka://user:hunter2@one?mechanism=digest":  "mechanism",
		"kafka://user:hunter2@one?acks=all":          "acks",
		"kafka://user:hunter2@one?tls=true;acks=all": "name=value",
	} {
		_, err := Options(Settings{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want words with %q", url, err, want)
		}
	}
}

// broker returns the way to a real broker, and a topic that nobody else uses there.
func broker(t *testing.T) (Settings, string) {
	t.Helper()
	url := os.Getenv("TEST_KAFKA_URL")
	if url == "" {
		t.Skip("TEST_KAFKA_URL is not set")
	}
	return Settings{URL: url, Service: "test"}, "test." + strings.ToLower(rand.Text())
}

// consumed returns the first n records of a topic.
func consumed(t *testing.T, s Settings, topic string, n int) []*kgo.Record {
	t.Helper()
	options, err := Options(s)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(options,
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for deadline := time.Now().Add(30 * time.Second); len(records) < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d records, want %d", len(records), n)
		}
		records = append(records, client.PollFetches(t.Context()).Records()...)
	}
	return records
}

func TestEventsComeInTheirOrderAsCloudEvents(t *testing.T) {
	settings, topic := broker(t)
	publisher, err := OpenPublisher(settings, topic, "/orders/dev")
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()

	for _, events := range [][]Event{
		{{ID: "a/1", Type: "order.changed", Key: "a", Data: []byte(`{"version":1}`)}},
		{{ID: "a/2", Type: "order.changed", Key: "a", Data: []byte(`{"version":2}`)}, {ID: "a/deleted", Type: "order.deleted", Key: "a"}},
	} {
		if err := publisher.Publish(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}

	records := consumed(t, settings, topic, 3)
	for i, want := range []string{`{"version":1}`, `{"version":2}`, ""} {
		if got := records[i]; string(got.Key) != "a" || string(got.Value) != want {
			t.Errorf("record %d is %s %s, want %s", i, got.Key, got.Value, want)
		}
	}
	headers := map[string]string{}
	for _, header := range records[1].Headers {
		headers[header.Key] = string(header.Value)
	}
	for name, want := range map[string]string{
		"ce_specversion": "1.0", "ce_id": "a/2", "ce_source": "/orders/dev", "ce_type": "order.changed", "ce_subject": "a",
		"content-type": "application/json",
	} {
		if headers[name] != want {
			t.Errorf("header %s is %q, want %q", name, headers[name], want)
		}
	}
	if records[2].Value != nil {
		t.Error("what is gone has a value: a compacted topic would keep it")
	}
}

func TestABrokerThatIsAwayIsAnErrorAndNoWait(t *testing.T) {
	publisher, err := OpenPublisher(Settings{URL: "kafka://127.0.0.1:1"}, "orders", "/orders/dev")
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()
	if err := publisher.Check().Run(t.Context()); err == nil || !publisher.Check().Optional {
		t.Errorf("the check says %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := publisher.Publish(ctx, []Event{{Key: "a"}}); err == nil {
		t.Error("it was published")
	}
}
