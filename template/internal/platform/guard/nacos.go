package guard

import (
	"context"
	"crypto/md5" // #nosec G501 -- Nacos tells contents apart by it, and nothing is kept secret by it
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// pullFor is how long Nacos keeps a question open while nothing changes, as its own clients have it.
	pullFor = 30 * time.Second
	// answerWithin is what any other question may take, and what one that is kept open may take longer.
	answerWithin = 5 * time.Second
	// settled is the pause after each answer: somebody may be changing more.
	settled = 100 * time.Millisecond
	// firstRetry and lastRetry bound the pause after a failure, which doubles.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// maxRules bounds what is read of an answer, in bytes: Nacos itself takes no more by default.
	maxRules = 10 << 20
)

// Nacos is where rules are in a Nacos, of version 1.4 or 2: a content of its configuration management.
type Nacos struct {
	Address   string // as http://nacos:8848/nacos
	Namespace string // "" for the public one
	Group     string
	DataID    string
	User      string // "" where Nacos asks for none
	Password  string
}

// String says where the rules are, without a password that the address may have.
func (n Nacos) String() string {
	address := "an address that cannot be read"
	if u, err := url.Parse(n.Address); err == nil {
		address = u.Redacted()
	}
	return address + " " + n.Group + "/" + n.DataID
}

// errForbidden says that Nacos wants to know, again, who asks.
var errForbidden = errors.New("it refuses who asks")

// FollowNacos applies the rules in Nacos, at once and whenever they change, until ctx ends. While Nacos is away, has no
// such content or one that is refused, the rules that were in force stay.
func (g *Guard) FollowNacos(ctx context.Context, n Nacos) {
	from := n.String()
	client := &nacosClient{Nacos: n}
	var fault string
	pause := settled
	for {
		err := client.round(ctx, func(text []byte) { _ = g.Apply(ctx, text, from) }) // it tells what is wrong
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && fault != "":
			g.logger.LogAttrs(ctx, slog.LevelInfo, "Nacos tells the rules again", slog.String("from", from))
		case err != nil && err.Error() != fault:
			g.logger.LogAttrs(ctx, slog.LevelWarn, "Nacos does not tell the rules, and those that are in force stay",
				slog.String("from", from), slog.String("error", err.Error()))
		}
		if err != nil {
			fault, pause = err.Error(), min(max(2*pause, firstRetry), lastRetry)
		} else {
			fault, pause = "", settled
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// sumOf is how Nacos names a content; that of none is "".
func sumOf(text []byte) string {
	if text == nil {
		return ""
	}
	sum := md5.Sum(text) // #nosec G401 -- as above
	return hex.EncodeToString(sum[:])
}

// nacosClient asks Nacos by its HTTP API.
type nacosClient struct {
	Nacos
	seen    string // the sum of the content that was applied last
	token   string
	expires time.Time
}

// round applies the content if it is another one than before, and returns once that has changed, or after half a minute.
func (c *nacosClient) round(ctx context.Context, apply func(text []byte)) error {
	text, err := c.get(ctx)
	if err != nil {
		return err
	}
	if sum := sumOf(text); sum != c.seen {
		c.seen = sum
		if text != nil {
			apply(text)
		}
	}
	return c.listen(ctx, c.seen)
}

// get returns the content; nil where there is none.
func (c *nacosClient) get(ctx context.Context) ([]byte, error) {
	query := url.Values{"dataId": {c.DataID}, "group": {c.Group}}
	if c.Namespace != "" {
		query.Set("tenant", c.Namespace)
	}
	status, text, err := c.ask(ctx, answerWithin, http.MethodGet, "/v1/cs/configs", query, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusOK:
		return nil, fmt.Errorf("it answers with %d", status)
	}
	return text, nil
}

// listen returns once the content is another one than seen, or after half a minute.
func (c *nacosClient) listen(ctx context.Context, seen string) error {
	words := []string{c.DataID, c.Group, seen}
	if c.Namespace != "" {
		words = append(words, c.Namespace)
	}
	form := url.Values{"Listening-Configs": {strings.Join(words, "\x02") + "\x01"}}
	status, _, err := c.ask(ctx, pullFor+answerWithin, http.MethodPost, "/v1/cs/configs/listener", nil, form)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("it answers with %d", status)
	}
	return err
}

// ask puts a question; where Nacos does not know any more who asks, once again.
func (c *nacosClient) ask(
	ctx context.Context, within time.Duration, method, path string, query, form url.Values,
) (int, []byte, error) {
	for attempt := 1; ; attempt++ {
		status, text, err := c.try(ctx, within, method, path, query, form)
		if !errors.Is(err, errForbidden) || c.User == "" || attempt > 1 {
			return status, text, err
		}
		c.expires = time.Time{}
	}
}

func (c *nacosClient) try(
	ctx context.Context, within time.Duration, method, path string, query, form url.Values,
) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	token, err := c.login(ctx)
	if err != nil {
		return 0, nil, err
	}
	asked := url.Values{}
	for name, values := range query {
		asked[name] = values
	}
	if token != "" {
		asked.Set("accessToken", token)
	}
	return c.send(ctx, method, path, asked, form)
}

// send sends one request. No error tells the address, which may have a token.
func (c *nacosClient) send(ctx context.Context, method, path string, query, form url.Values) (int, []byte, error) {
	address := strings.TrimSuffix(c.Address, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, errors.New("its address cannot be used")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Long-Pulling-Timeout", strconv.FormatInt(pullFor.Milliseconds(), 10))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var told *url.Error
		if errors.As(err, &told) {
			err = told.Err
		}
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }() // nothing more is read from it
	if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized {
		return 0, nil, errForbidden
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRules))
	return response.StatusCode, text, err
}

// login returns a token, "" where nobody has to say who asks. It is renewed in time.
func (c *nacosClient) login(ctx context.Context) (string, error) {
	if c.User == "" || time.Now().Before(c.expires) {
		return c.token, nil
	}
	form := url.Values{"username": {c.User}, "password": {c.Password}}
	status, text, err := c.send(ctx, http.MethodPost, "/v1/auth/login", nil, form)
	if err != nil {
		return "", err
	}
	var granted struct {
		AccessToken string `json:"accessToken"`
		TokenTTL    int64  `json:"tokenTtl"` // seconds
	}
	if err := json.Unmarshal(text, &granted); err != nil || status != http.StatusOK || granted.AccessToken == "" {
		return "", fmt.Errorf("it grants no token, and answers with %d", status)
	}
	c.token = granted.AccessToken
	c.expires = time.Now().Add(time.Duration(granted.TokenTTL) * time.Second * 9 / 10)
	return c.token, nil
}
