//go:build wasip1

// Package guest is what a plugin in Go asks and tells its host with, by the http-wasm handler ABI:
// https://http-wasm.io/http-handler-abi/. A plugin exports handle_request and handle_response, is built with
// GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared, and its main is never called.
package guest

import (
	"bytes"
	"unsafe"
)

// Kind says whether a header or a body is the request's or the answer's.
type Kind uint32

// The kinds that this host has; trailers it has none.
const (
	Request  Kind = 0
	Response Kind = 1
)

// Features that a plugin turns on before it uses them.
const (
	BufferRequest  uint32 = 1 // the plugin reads the request's body, and so does the handler
	BufferResponse uint32 = 2 // the answer is held back, and can be changed after the handler
)

// Levels of the log.
const (
	Debug int32 = -1
	Info  int32 = 0
	Warn  int32 = 1
	Error int32 = 2
)

// Next is what handle_request returns where the handler is to have the request, and 0 where the plugin has answered it.
const Next uint64 = 1

// Enable turns features on, for all requests where it is called before the first.
func Enable(features uint32) { enableFeatures(features) }

// Config returns what the plugin's settings have as its config: JSON, or nothing.
func Config() []byte { return grown(getConfig) }

// Method returns the request's method.
func Method() string { return string(grown(getMethod)) }

// URI returns the request's path and query.
func URI() string { return string(grown(getURI)) }

// SetURI gives the handler another path and query. Which handler that is was decided before.
func SetURI(uri string) { setURI(pointer([]byte(uri)), uint32(len(uri))) }

// SourceAddr returns the address and port of the client.
func SourceAddr() string { return string(grown(getSourceAddr)) }

// Header returns the values of a header.
func Header(kind Kind, name string) []string {
	key := []byte(name)
	return texts(func(buffer unsafe.Pointer, room uint32) uint64 {
		return getHeaderValues(kind, pointer(key), uint32(len(key)), buffer, room)
	})
}

// HeaderNames returns the names of all headers, in lower case.
func HeaderNames(kind Kind) []string {
	return texts(func(buffer unsafe.Pointer, room uint32) uint64 { return getHeaderNames(kind, buffer, room) })
}

// SetHeader gives a header one value, in place of those that it has.
func SetHeader(kind Kind, name, value string) {
	key, content := []byte(name), []byte(value)
	setHeaderValue(kind, pointer(key), uint32(len(key)), pointer(content), uint32(len(content)))
}

// AddHeader gives a header a further value.
func AddHeader(kind Kind, name, value string) {
	key, content := []byte(name), []byte(value)
	addHeaderValue(kind, pointer(key), uint32(len(key)), pointer(content), uint32(len(content)))
}

// RemoveHeader removes all values of a header.
func RemoveHeader(kind Kind, name string) {
	key := []byte(name)
	removeHeader(kind, pointer(key), uint32(len(key)))
}

// Body returns a body, or what is left of it. Enable says when there is one to read.
func Body(kind Kind) []byte {
	var whole []byte
	part := make([]byte, 4096)
	for {
		got := readBody(kind, pointer(part), uint32(len(part)))
		whole = append(whole, part[:uint32(got)]...)
		if got>>32 == 1 {
			return whole
		}
	}
}

// WriteBody puts a body in the place of the one that is there; what is written after that is added.
func WriteBody(kind Kind, body []byte) { writeBody(kind, pointer(body), uint32(len(body))) }

// Status returns the answer's status.
func Status() int { return int(getStatusCode()) }

// SetStatus gives the answer a status.
func SetStatus(status int) { setStatusCode(uint32(status)) }

// Log writes to the service's log.
func Log(level int32, message string) {
	if logEnabled(level) != 0 {
		text := []byte(message)
		log(level, pointer(text), uint32(len(text)))
	}
}

// grown asks with room for more until the answer has fitted.
func grown(ask func(buffer unsafe.Pointer, room uint32) uint32) []byte {
	buffer := make([]byte, 256)
	for {
		length := ask(pointer(buffer), uint32(len(buffer)))
		if length <= uint32(len(buffer)) {
			return buffer[:length]
		}
		buffer = make([]byte, length)
	}
}

// texts does so for an answer of several texts, each of which ends with NUL.
func texts(ask func(buffer unsafe.Pointer, room uint32) uint64) []string {
	joined := grown(func(buffer unsafe.Pointer, room uint32) uint32 { return uint32(ask(buffer, room)) })
	var all []string
	for part := range bytes.SplitSeq(bytes.TrimSuffix(joined, []byte{0}), []byte{0}) {
		all = append(all, string(part))
	}
	if len(joined) == 0 {
		return nil
	}
	return all
}

// pointer is where a slice begins, also where it is empty.
func pointer(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }
