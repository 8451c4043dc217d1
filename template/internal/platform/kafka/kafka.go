// Package kafka tells others of changes by way of Kafka, or of any broker that speaks its protocol.
package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// defaultPort is where a broker is whose URL names no port.
const defaultPort = "9092"

// ErrRefused means that the broker answers, and does not let this service in, or do what it has to.
var ErrRefused = errors.New("the broker refuses")

// Settings says where the brokers are.
type Settings struct {
	// URL is kafka://user@host:9092,host2:9092 with any number of brokers of one cluster. tls=true encrypts the way there;
	// mechanism is how the user is known: scram-sha-512, which is the default, scram-sha-256 or plain.
	URL      string
	Password string // takes the place of the URL's; any characters
	Service  string // the name that the broker knows the connections by
}

// Options returns a client's options. No error repeats the URL.
func Options(s Settings) ([]kgo.Opt, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("it is not a URL; a password in it has to be percent-encoded")
	}
	if u.Scheme != "kafka" || u.Host == "" {
		return nil, errors.New("it does not begin with kafka:// and a host")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("what follows the question mark is no list of name=value")
	}
	options := []kgo.Opt{kgo.SeedBrokers(brokers(u.Host)...), kgo.ClientID(s.Service), kgo.DisableClientMetrics()}
	secured, err := security(s, u.User, query)
	if err != nil {
		return nil, err
	}
	for name := range query {
		return nil, fmt.Errorf("%q is not a setting: there are tls and mechanism", name)
	}
	return append(options, secured...), nil
}

// brokers returns the addresses of a list of hosts.
func brokers(hosts string) []string {
	addresses := strings.Split(hosts, ",")
	for i, host := range addresses {
		if _, _, err := net.SplitHostPort(host); err != nil {
			addresses[i] = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
		}
	}
	return addresses
}

// security returns the options of encryption and of the user, and takes what they are made of from query.
func security(s Settings, user *url.Userinfo, query url.Values) ([]kgo.Opt, error) {
	var options []kgo.Opt
	switch encrypted := query.Get("tls"); encrypted {
	case "true":
		options = append(options, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	case "", "false":
	default:
		return nil, fmt.Errorf("tls is %q: it can be true or false", encrypted)
	}
	mechanism := query.Get("mechanism")
	query.Del("tls")
	query.Del("mechanism")
	if user.Username() == "" {
		return options, nil
	}
	password := s.Password
	if password == "" {
		password, _ = user.Password()
	}
	known := map[string]sasl.Mechanism{
		"":              scram.Auth{User: user.Username(), Pass: password}.AsSha512Mechanism(),
		"scram-sha-512": scram.Auth{User: user.Username(), Pass: password}.AsSha512Mechanism(),
		"scram-sha-256": scram.Auth{User: user.Username(), Pass: password}.AsSha256Mechanism(),
		"plain":         plain.Auth{User: user.Username(), Pass: password}.AsMechanism(),
	}
	chosen, ok := known[mechanism]
	if !ok {
		return nil, fmt.Errorf("mechanism is %q: it can be scram-sha-512, scram-sha-256 or plain", mechanism)
	}
	return append(options, kgo.SASL(chosen)), nil
}

// Explained returns an error with what it means: ErrRefused where waiting would be of no use.
func Explained(err error) error {
	for _, refusal := range []error{
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
	} {
		if errors.Is(err, refusal) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return err
}

// Topic returns the name of the topic of a table's changes, in which services and environments can share a broker.
func Topic(service, env, table string) string { return service + "." + env + "." + table }
