package plugins

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// startLimit is how long an instance may take to start.
const startLimit = 5 * time.Second

// plugin is a compiled program, and its instances: each works on one call at a time, and has a memory of its own.
type plugin struct {
	name     string
	settings Settings
	logger   *slog.Logger
	runtime  wazero.Runtime
	code     wazero.CompiledModule
	features uint32 // those that it turns on when it starts

	room chan struct{} // one for each instance that works
	mu   sync.Mutex
	idle []*instance
}

// compile makes a plugin ready for its calls. The error says in what the program does not keep to http-wasm.
func compile(ctx context.Context, cache wazero.CompilationCache, logger *slog.Logger, s Source) (*plugin, error) {
	limits := wazero.NewRuntimeConfig().WithCompilationCache(cache).
		WithCloseOnContextDone(true).WithMemoryLimitPages(s.Settings.memoryPages())
	p := &plugin{
		name: s.Name, settings: s.Settings, logger: logger,
		runtime: wazero.NewRuntimeWithConfig(ctx, limits),
		room:    make(chan struct{}, s.Settings.Instances),
	}
	if err := p.load(ctx, s.Program); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Name, err), p.close(ctx))
	}
	return p, nil
}

func (p *plugin) load(ctx context.Context, program []byte) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, p.runtime); err != nil {
		return err
	}
	if err := p.export(ctx); err != nil {
		return err
	}
	code, err := p.runtime.CompileModule(ctx, program)
	if err != nil {
		return fmt.Errorf("is no WebAssembly that can be run: %w", err)
	}
	p.code = code
	if err := requireExports(code); err != nil {
		return err
	}
	start := &exchange{}
	first, err := p.start(ctx, start)
	if err != nil {
		return err
	}
	p.features = start.features
	p.idle = append(p.idle, first)
	return nil
}

// requireExports returns an error unless the host can call what it has to.
func requireExports(code wazero.CompiledModule) error {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	var faults []error
	for _, wanted := range []struct {
		name            string
		params, results []api.ValueType
	}{{"handle_request", nil, []api.ValueType{i64}}, {"handle_response", []api.ValueType{i32, i32}, nil}} {
		found, exists := code.ExportedFunctions()[wanted.name]
		if !exists {
			faults = append(faults, fmt.Errorf("does not export %s", wanted.name))
		} else if !bytes.Equal(found.ParamTypes(), wanted.params) || !bytes.Equal(found.ResultTypes(), wanted.results) {
			faults = append(faults, fmt.Errorf("exports %s with other parameters or results than http-wasm has", wanted.name))
		}
	}
	return errors.Join(faults...)
}

// instance is a program with its memory.
type instance struct {
	module                        api.Module
	handleRequest, handleResponse api.Function
	said                          *beginning // what it has printed
}

// start makes an instance.
func (p *plugin) start(ctx context.Context, e *exchange) (*instance, error) {
	ctx, cancel := context.WithTimeout(withExchange(context.WithoutCancel(ctx), e), startLimit)
	defer cancel()
	said := &beginning{}
	settings := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize", "_start").
		WithStdout(said).WithStderr(said).
		WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime()
	module, err := p.runtime.InstantiateModule(ctx, p.code, settings)
	if err != nil {
		return nil, fmt.Errorf("does not start: %w", inWords(ctx, err, said, startLimit))
	}
	return &instance{
		module:         module,
		handleRequest:  module.ExportedFunction("handle_request"),
		handleResponse: module.ExportedFunction("handle_response"),
		said:           said,
	}, nil
}

// errBusy says that all instances work.
var errBusy = errors.New("all of its instances are busy")

// take returns an instance that nobody else has. It waits for one, as long as a call may take.
func (p *plugin) take(ctx context.Context) (*instance, error) {
	select {
	case p.room <- struct{}{}:
	default:
		if !p.wait() {
			return nil, errBusy
		}
	}
	if idle := p.lastIdle(); idle != nil {
		return idle, nil
	}
	made, err := p.start(ctx, &exchange{})
	if err != nil {
		<-p.room
	}
	return made, err
}

func (p *plugin) wait() bool {
	limit := time.NewTimer(p.settings.timeLimit())
	defer limit.Stop()
	select {
	case p.room <- struct{}{}:
		return true
	case <-limit.C:
		return false
	}
}

// lastIdle returns the instance that has worked last: the others may not be needed any more.
func (p *plugin) lastIdle() *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	last := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return last
}

// give returns an instance. One that has ended, as after a failure, is not used again.
func (p *plugin) give(i *instance) {
	if !i.module.IsClosed() {
		p.mu.Lock()
		p.idle = append(p.idle, i)
		p.mu.Unlock()
	}
	<-p.room
}

// run calls a function of the plugin with the exchange. An instance that fails at it has ended.
func (p *plugin) run(i *instance, e *exchange, function api.Function, words ...uint64) (uint64, error) {
	i.said.reset()
	ctx, cancel := context.WithTimeout(withExchange(context.WithoutCancel(e.context()), e), p.settings.timeLimit())
	defer cancel()
	results, err := function.Call(ctx, words...)
	if err != nil {
		return 0, errors.Join(inWords(ctx, err, i.said, p.settings.timeLimit()), i.module.Close(ctx))
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

func (p *plugin) close(ctx context.Context) error { return p.runtime.Close(ctx) }

// inWords says why a call ended, without the stack that the runtime shows.
func inWords(ctx context.Context, err error, said *beginning, limit time.Duration) error {
	if ctx.Err() != nil {
		return fmt.Errorf("took longer than %s", limit)
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("ended with status %d: %s", exit.ExitCode(), said)
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	text = strings.TrimSuffix(text, " (recovered by wazero)")
	if len(said.text) > 0 {
		text += ": " + said.String()
	}
	return errors.New(text)
}

// beginning keeps the beginning of what is written to it.
type beginning struct{ text []byte }

const beginningBytes = 512

func (b *beginning) Write(part []byte) (int, error) {
	b.text = append(b.text, part[:min(len(part), beginningBytes-len(b.text))]...)
	return len(part), nil
}

func (b *beginning) reset() { b.text = b.text[:0] }

// String returns the first line.
func (b *beginning) String() string {
	first, _, _ := strings.Cut(string(b.text), "\n")
	if first == "" {
		return "it said nothing"
	}
	return first
}
