package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tetratelabs/wazero/api"
)

// Names, numbers and rules of this file are those of the http-wasm handler ABI: https://http-wasm.io/http-handler-abi/.
const hostModule = "http_handler"

const (
	bufferRequest  = 1 // the plugin reads the request's body, and so does the handler
	bufferResponse = 2 // the answer is held back until the plugin has seen it
)

// Kinds of headers and bodies. There are trailers, too, which this host does not have: it says so by the features.
const (
	ofRequest  = 0
	ofResponse = 1
)

// hostFunction is what a plugin may call. Its parameters are 32 bits each.
type hostFunction struct {
	name   string
	params int
	result []api.ValueType
	run    func(call) uint64
}

// export offers the functions to the plugins of a runtime.
func (p *plugin) export(ctx context.Context) error {
	builder := p.runtime.NewHostModuleBuilder(hostModule)
	for _, f := range p.hostFunctions() {
		params := make([]api.ValueType, f.params)
		for i := range params {
			params[i] = api.ValueTypeI32
		}
		run := func(ctx context.Context, module api.Module, stack []uint64) {
			result := f.run(call{exchange: exchangeOf(ctx), memory: module.Memory(), words: stack})
			if len(f.result) > 0 {
				stack[0] = result
			}
		}
		builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(run), params, f.result).Export(f.name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

func (p *plugin) hostFunctions() []hostFunction {
	i32, i64 := []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}
	return []hostFunction{
		{"enable_features", 1, i32, func(c call) uint64 { return c.exchange.enable(c.word(0)) }},
		{"get_config", 2, i32, func(c call) uint64 { return c.put(0, string(p.settings.Config)) }},
		{"log_enabled", 1, i32, p.logEnabled},
		{"log", 3, nil, p.log},

		{"get_method", 2, i32, func(c call) uint64 { return c.put(0, c.exchange.request().Method) }},
		{"set_method", 2, nil, func(c call) uint64 { c.exchange.setMethod(c.text(0)); return 0 }},
		{"get_uri", 2, i32, func(c call) uint64 { return c.put(0, c.exchange.request().URL.RequestURI()) }},
		{"set_uri", 2, nil, func(c call) uint64 { c.exchange.setURI(c.text(0)); return 0 }},
		{"get_protocol_version", 2, i32, func(c call) uint64 { return c.put(0, c.exchange.request().Proto) }},
		{"get_source_addr", 2, i32, func(c call) uint64 { return c.put(0, c.exchange.sourceAddress()) }},

		{"get_header_names", 3, i64, func(c call) uint64 { return c.putAll(1, c.exchange.headerNames(c.word(0))) }},
		{"get_header_values", 5, i64, func(c call) uint64 {
			return c.putAll(3, c.exchange.headerValues(c.word(0), c.text(1)))
		}},
		{"set_header_value", 5, nil, func(c call) uint64 {
			c.exchange.changeHeader(c.word(0)).set(c.text(1), c.text(3))
			return 0
		}},
		{"add_header_value", 5, nil, func(c call) uint64 {
			c.exchange.changeHeader(c.word(0)).add(c.text(1), c.text(3))
			return 0
		}},
		{"remove_header", 3, nil, func(c call) uint64 { c.exchange.changeHeader(c.word(0)).remove(c.text(1)); return 0 }},

		{"read_body", 3, i64, readBody},
		{"write_body", 3, nil, func(c call) uint64 { c.exchange.writeBody(c.word(0), c.bytes(1)); return 0 }},
		{"get_status_code", 0, i32, func(c call) uint64 { return uint64(c.exchange.statusCode()) }},
		{"set_status_code", 1, nil, func(c call) uint64 { c.exchange.setStatusCode(int(c.word(0))); return 0 }},
	}
}

// readBody fills the plugin's memory, and says in the upper half of the word whether that was the end.
func readBody(c call) uint64 {
	room := c.bytes(1)
	if len(room) == 0 {
		panic("read_body has no room to read into")
	}
	n, err := io.ReadFull(c.exchange.bodyReader(c.word(0)), room)
	switch {
	case err == nil:
		return uint64(n)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 1<<32 | uint64(n)
	default:
		panic(fmt.Errorf("the body cannot be read: %w", err))
	}
}

const noLevel = 3

// level translates that of the ABI, from -1 for debug to 2 for error.
func level(word uint32) slog.Level { return slog.Level(int32(word) * 4) }

func (p *plugin) logEnabled(c call) uint64 {
	if c.word(0) != noLevel && p.logger.Enabled(c.exchange.context(), level(c.word(0))) {
		return 1
	}
	return 0
}

func (p *plugin) log(c call) uint64 {
	if p.logEnabled(c) == 0 {
		return 0
	}
	p.logger.LogAttrs(c.exchange.context(), level(c.word(0)), c.text(1), slog.String("plugin", p.name))
	return 0
}
