package grpcguard

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	resil "github.com/resilgo/resil/runtime"
)

// Stream is a grpc.StreamClientInterceptor.
func (c *Client) Stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, full string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	m := c.method(methodKey{full: full, stream: !desc.ClientStreams, duplex: desc.ClientStreams})
	if m == nil {
		return open(ctx, desc, cc, full, opts...)
	}
	// The guarded call lasts until the first answer, the caller goes on as soon
	// as the stream is open: so the call has a goroutine of its own. It ends
	// with the first answer, the stream or the caller's context.
	caller := ctx
	opened := make(chan *stream, 1)
	ended := make(chan ending, 1)
	go func() {
		var e ending
		defer func() {
			if !e.returned {
				e.panicked = recover() // nil for runtime.Goexit
			}
			ended <- e
		}()
		_, e.err = resil.CallStream(ctx, m.call, func(ctx context.Context) (*stream, error) {
			next, err := open(c.outgoing(ctx), desc, cc, full, opts...)
			if err != nil {
				return nil, pushedBack(err)
			}
			s := &stream{ClientStream: next, caller: caller, many: desc.ServerStreams, broken: m.broken, first: make(chan error, 1)}
			opened <- s
			select {
			case err := <-s.first:
				return s, err
			case <-ctx.Done():
				return s, ctx.Err()
			}
		}, (*stream).tie)
		e.returned = true
	}()
	select {
	case s := <-opened:
		return s, nil
	case e := <-ended:
		select {
		case s := <-opened: // it was opened and has ended already
			return s, nil
		default:
			return nil, e.leave(caller)
		}
	}
}

// ending is how the goroutine of a stream ended.
type ending struct {
	returned bool
	err      error
	panicked any
}

// leave ends the caller as the goroutine ended: what is further in may panic.
func (e ending) leave(caller context.Context) error {
	switch {
	case e.returned:
		return coded(caller, e.err)
	case e.panicked != nil:
		panic(e.panicked)
	default:
		runtime.Goexit()
		return nil
	}
}

// stream tells how a stream goes.
type stream struct {
	grpc.ClientStream
	caller context.Context //nolint:containedctx // the stream's own is done when it ends
	many   bool            // the server sends many messages
	broken *resil.Method   // told of an end with an error after the first answer
	first  chan error      // the first answer

	mu       sync.Mutex // guards what follows
	answered bool
	over     bool
	cancel   context.CancelFunc // ends the attempt's context; nil until tied
}

// tie keeps cancel for the end of the stream, which may have come already. A
// stream that nobody gets, whose cancel is nil, ends with its context.
func (s *stream) tie(cancel context.CancelFunc) *stream {
	s.mu.Lock()
	over := s.over
	s.cancel = cancel
	s.mu.Unlock()
	if over && cancel != nil {
		cancel()
	}
	return s
}

// RecvMsg implements grpc.ClientStream.
func (s *stream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	switch {
	case err == nil:
		s.answer(nil)
		if !s.many {
			s.end()
		}
	case errors.Is(err, io.EOF):
		s.answer(nil)
		s.end()
	default:
		err = pushedBack(err)
		if !s.answer(err) {
			s.breaks(err)
		}
		s.end()
	}
	return err
}

// Header implements grpc.ClientStream.
func (s *stream) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	if err == nil && md != nil {
		s.answer(nil)
	}
	return md, err
}

// answer tells the first answer, and reports whether this was it.
func (s *stream) answer(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered {
		return false
	}
	s.answered = true
	s.first <- err
	return true
}

// end lets go of the attempt's context.
func (s *stream) end() {
	s.mu.Lock()
	s.over = true
	cancel := s.cancel
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// breaks counts a stream that broke after its first answer.
func (s *stream) breaks(err error) {
	_, _ = resil.Call(s.caller, s.broken, func(context.Context) (struct{}, error) { return struct{}{}, err })
}
