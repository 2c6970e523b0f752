package grpcguard

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/internal/wire"
)

// Policies are the policies of one service. Zero fields mean what a guard that
// states nothing means. Timeout and Retry are of each call, the others are
// shared by all calls of the service.
type Policies struct {
	Criticality resil.Criticality
	Down        resil.Level // the level while the service is down
	Breaker     *resil.Breaker
	Bulkhead    *resil.Bulkhead
	Rate        *resil.Rate
	Timeout     resil.Timeout
	Retry       *resil.Retry // of unary calls that Config.Kind says are reads or Config.Idempotent says may be repeated
}

// Config tunes a [Client].
type Config struct {
	// Dependency names the dependency of a service, for example
	// "grpc.health.v1.Health"; "" = not guarded. nil = the service's name in
	// lower case.
	Dependency func(service string) string
	// Default are the policies of dependencies that Services does not name.
	Default Policies
	// Services are policies by dependency.
	Services map[string]Policies
	// Kind tells what a method does, for example
	// "/grpc.health.v1.Health/Check". nil = unmarked: called at Minimal, not
	// retried.
	Kind func(fullMethod string) resil.Kind
	// Idempotent reports whether a method that is no read may be called twice.
	// nil = none.
	Idempotent func(fullMethod string) bool
	// Max bounds the methods guarded each by itself, against proxies that call
	// whatever they are told: calls of further ones share the dependency
	// "other-services". 0 = 1000.
	Max int
	// Private keeps criticality and remaining time from being sent.
	Private bool
}

// OtherServices is the dependency of methods beyond Config.Max.
const OtherServices = "other-services"

// Client makes interceptors for clients. It is safe for concurrent use.
type Client struct {
	sys *resil.System
	cfg Config

	mu      sync.RWMutex // guards what follows
	guards  map[string]*resil.Guard
	methods map[methodKey]*method
}

type methodKey struct {
	full   string
	stream bool // the client sends one message
	duplex bool // the client sends a stream
}

// method is one guarded method.
type method struct {
	call   *resil.Method
	broken *resil.Method // of a stream: what happens to it after its first answer
}

// New returns a client guard. A service whose policies contradict another
// guard's of the same name is an error from Start, and a panic when it is met
// after it.
func New(sys *resil.System, cfg Config) *Client {
	if cfg.Dependency == nil {
		cfg.Dependency = dependencyOf
	}
	if cfg.Max == 0 {
		cfg.Max = 1000
	}
	c := &Client{sys: sys, cfg: cfg, guards: map[string]*resil.Guard{}, methods: map[methodKey]*method{}}
	for name := range cfg.Services {
		c.guard(name)
	}
	return c
}

// dependencyOf is the default of Config.Dependency.
func dependencyOf(service string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, strings.ToLower(service))
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = "service-" + name
	}
	return name[:min(len(name), resil.MaxName)]
}

// DialOptions returns the options that put the guard into a connection.
func (c *Client) DialOptions() []grpc.DialOption {
	//resil:guarded these interceptors are the guard
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.Unary), grpc.WithChainStreamInterceptor(c.Stream)}
}

// Unary is a grpc.UnaryClientInterceptor.
func (c *Client) Unary(ctx context.Context, full string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	m := c.method(methodKey{full: full})
	if m == nil {
		return invoke(ctx, full, req, reply, cc, opts...)
	}
	_, err := resil.Call(ctx, m.call, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, pushedBack(invoke(c.outgoing(ctx), full, req, reply, cc, opts...))
	})
	return coded(ctx, err)
}

// outgoing returns ctx with the headers of a request.
func (c *Client) outgoing(ctx context.Context) context.Context {
	if c.cfg.Private {
		return ctx
	}
	var pairs []string
	wire.Send(ctx, func(name, value string) {
		// gRPC sends the deadline itself.
		if name != wire.HeaderBudget {
			pairs = append(pairs, name, value)
		}
	})
	if pairs == nil {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// method returns the guard of a method, nil if it is not to be guarded.
func (c *Client) method(key methodKey) *method {
	c.mu.RLock()
	m, ok := c.methods[key]
	c.mu.RUnlock()
	if ok {
		return m
	}
	service, name := split(key.full)
	dependency := c.cfg.Dependency(service)
	if dependency == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.methods[key]; ok {
		return m
	}
	if len(c.methods) >= c.cfg.Max {
		key.full, dependency, name = "", OtherServices, "other"
		if m, ok := c.methods[key]; ok {
			return m
		}
	}
	m = c.newMethod(key, dependency, name)
	c.methods[key] = m
	return m
}

// split takes "/package.Service/Method" apart.
func split(full string) (service, name string) {
	full = strings.TrimPrefix(full, "/")
	if i := strings.LastIndexByte(full, '/'); i >= 0 {
		return full[:i], full[i+1:]
	}
	return full, "unknown"
}

func (c *Client) policies(dependency string) Policies {
	if p, ok := c.cfg.Services[dependency]; ok {
		return p
	}
	return c.cfg.Default
}

// guard returns the guard of a dependency. Requires mu, or a client that
// nobody else has yet.
func (c *Client) guard(dependency string) *resil.Guard {
	g := c.guards[dependency]
	if g == nil {
		p := c.policies(dependency)
		g = c.sys.Guard(resil.GuardSpec{
			Dependency: dependency, Interface: "grpcguard.Client", Position: "grpcguard",
			Criticality: p.Criticality, Down: p.Down, Breaker: p.Breaker, Bulkhead: p.Bulkhead, Rate: p.Rate,
			Lazy: true,
		})
		c.guards[dependency] = g
	}
	return g
}

// newMethod registers a method. Requires mu.
func (c *Client) newMethod(key methodKey, dependency, name string) *method {
	g := c.guard(dependency)
	p := c.policies(dependency)
	spec := resil.MethodSpec{Name: name}
	if c.cfg.Kind != nil && key.full != "" {
		spec.Kind = c.cfg.Kind(key.full)
	}
	if c.cfg.Idempotent != nil && key.full != "" {
		spec.Idempotent = c.cfg.Idempotent(key.full)
	}
	spec.Levels = resil.DefaultActions(spec.Kind, false, nil)
	if !key.stream && !key.duplex {
		spec.Timeout = p.Timeout
		if spec.Kind == resil.Read || spec.Idempotent {
			spec.Retry = p.Retry
		}
		return &method{call: g.Method(spec)}
	}
	spec.Idempotent = false
	spec.Streams = true
	if dependency == OtherServices {
		spec.Name += "_stream"
	}
	if key.stream {
		spec.Timeout.Attempt = p.Timeout.Attempt
	} else if dependency == OtherServices {
		spec.Name += "_duplex"
	}
	broken := resil.MethodSpec{Name: spec.Name + "_stream", Kind: spec.Kind, Essential: true, Levels: resil.DefaultActions(spec.Kind, true, nil)}
	return &method{call: g.Method(spec), broken: g.Method(broken)}
}

// pushedBack makes the delay that a server asks for, in a RetryInfo, visible to
// policies.
func pushedBack(err error) error {
	if err == nil {
		return nil
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay() != nil {
			return &pushback{err, info.GetRetryDelay().AsDuration()}
		}
	}
	return err
}

// pushback is a server's error that says when to try again.
type pushback struct {
	error
	delay time.Duration
}

func (p *pushback) Unwrap() error              { return p.error }
func (p *pushback) RetryAfter() time.Duration  { return p.delay }
func (p *pushback) GRPCStatus() *status.Status { return status.Convert(p.error) }

// coded gives an error of the runtime a status code. ctx is the caller's.
func coded(ctx context.Context, err error) error {
	var e *resil.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	code := codes.Unknown
	switch {
	case errors.Is(err, resil.ErrOpen), errors.Is(err, resil.ErrShed):
		code = codes.Unavailable
	case errors.Is(err, resil.ErrBulkheadFull), errors.Is(err, resil.ErrRateLimited):
		code = codes.ResourceExhausted
	case errors.Is(err, resil.ErrTimeout):
		code = codes.DeadlineExceeded
	case left(err):
		code = status.FromContextError(ctx.Err()).Code()
	default:
		if s, ok := status.FromError(err); ok {
			code = s.Code()
		}
	}
	return &codedError{err, code}
}

// left reports whether err is of a call whose caller had left, on entry or while
// it waited: then the context decides, whatever an attempt before it said.
func left(err error) bool {
	ex, ok := resil.Explain(err)
	return ok && ex.Policy == "caller"
}

// codedError is an error of the runtime with a status code.
type codedError struct {
	error
	code codes.Code
}

func (c *codedError) Unwrap() error { return c.error }

// GRPCStatus returns the code, and the details of the server's status if that
// is the cause.
func (c *codedError) GRPCStatus() *status.Status {
	if s, ok := status.FromError(c.error); ok && s.Code() == c.code {
		return s
	}
	return status.New(c.code, c.Error())
}
