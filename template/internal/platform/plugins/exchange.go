package plugins

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// exchange is a request and its answer, as one plugin sees and changes them. What a plugin does that is not allowed
// panics: the runtime makes an error of that call.
type exchange struct {
	c        *gin.Context // nil while a plugin starts
	features uint32
	answered bool // by the handler: of the request nothing can be changed any more

	untouched *http.Request // as it was before the plugin changed something; nil where it did not
	header    http.Header   // of the answer, the same
	unread    io.Reader     // what the plugin has not read yet of the body that it reads
	sent      *bytes.Buffer // the body that the plugin has given the request; nil where it did not
	status    int           // that the plugin has given the answer; 0 where it did not
	body      *bytes.Buffer // of the answer, the same
	held      *heldWriter   // the handler's answer, where the plugin wants to see it first
}

type exchangeKey struct{}

func withExchange(ctx context.Context, e *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, e)
}

func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

func (e *exchange) context() context.Context {
	if e.c == nil {
		return context.Background()
	}
	return e.c.Request.Context()
}

// enable turns features on, and returns those that are on.
func (e *exchange) enable(features uint32) uint64 {
	e.features |= features & (bufferRequest | bufferResponse)
	return uint64(e.features)
}

func (e *exchange) request() *http.Request {
	if e.c == nil {
		panic("there is no request while a plugin starts")
	}
	return e.c.Request
}

// change returns the request as one that may be changed, and can be had back untouched.
func (e *exchange) change() *http.Request {
	request := e.request()
	if e.answered {
		panic("the request is answered already")
	}
	if e.untouched == nil {
		e.untouched = request
		e.c.Request = request.Clone(request.Context())
	}
	return e.c.Request
}

func (e *exchange) setMethod(method string) { e.change().Method = method }

// setURI changes what the handler sees. Which handler that is was decided before.
func (e *exchange) setURI(uri string) {
	if uri == "" {
		uri = "/"
	}
	parsed, err := url.ParseRequestURI(uri)
	if err != nil {
		panic(err)
	}
	request := e.change()
	request.URL, request.RequestURI = parsed, uri
}

// sourceAddress is the client's, as the trusted proxies tell it.
func (e *exchange) sourceAddress() string {
	_, port, err := net.SplitHostPort(e.request().RemoteAddr)
	if err != nil {
		return e.request().RemoteAddr
	}
	return net.JoinHostPort(e.c.ClientIP(), port)
}

// headers are those of a request or of an answer, that may be changed.
type headers struct {
	http.Header
	host *string // of a request, which net/http keeps elsewhere
}

func (h headers) set(name, value string) {
	if h.host != nil && strings.EqualFold(name, "host") {
		*h.host = value
		return
	}
	h.Set(name, value)
}

func (h headers) add(name, value string) {
	if h.host != nil && strings.EqualFold(name, "host") {
		*h.host = value
		return
	}
	h.Add(name, value)
}

func (h headers) remove(name string) { h.Del(name) }

// changeHeader returns the header of a kind as one that may be changed.
func (e *exchange) changeHeader(kind uint32) headers {
	switch kind {
	case ofRequest:
		request := e.change()
		return headers{request.Header, &request.Host}
	case ofResponse:
		e.requireOpen("its header")
		header := e.c.Writer.Header()
		if e.header == nil {
			e.header = header.Clone()
		}
		return headers{header, nil}
	default:
		panic("there are no trailers here, as enable_features says")
	}
}

// requireOpen panics where the answer is on its way to the client.
func (e *exchange) requireOpen(what string) {
	e.request()
	if e.answered && (e.held == nil || e.held.passing) {
		panic("the answer is on its way, and " + what + " cannot be changed: enable buffer_response before, " +
			"which holds back answers of up to 1 MiB")
	}
}

func (e *exchange) headerNames(kind uint32) []string {
	names := slices.Collect(maps.Keys(e.readHeader(kind)))
	if kind == ofRequest && e.c.Request.Host != "" {
		names = append(names, "host")
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	slices.Sort(names)
	return names
}

func (e *exchange) headerValues(kind uint32, name string) []string {
	if kind == ofRequest && strings.EqualFold(name, "host") && e.request().Host != "" {
		return []string{e.c.Request.Host}
	}
	return e.readHeader(kind).Values(name)
}

func (e *exchange) readHeader(kind uint32) http.Header {
	request := e.request()
	switch kind {
	case ofRequest:
		return request.Header
	case ofResponse:
		return e.c.Writer.Header()
	default:
		return nil
	}
}
