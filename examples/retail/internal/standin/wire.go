package standin

import (
	"context"
	"errors"
	"net"
	"sync"
)

// wire is a TCP proxy that obeys a Switch.
type wire struct {
	listener net.Listener
	upstream string
	sw       *Switch

	ctx    context.Context // ends when the wire is closed
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startWire listens on a free loopback port in front of upstream.
func startWire(upstream string, sw *Switch) (*wire, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: listener, upstream: upstream, sw: sw}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.done.Go(w.accept)
	return w, nil
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) Close() error {
	w.cancel()
	err := w.listener.Close()
	w.done.Wait()
	return err
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // out of files, a client gone at once: the next may fare better
		}
		w.done.Go(func() { w.serve(client) })
	}
}

// serve carries bytes both ways until either end closes or the wire is cut.
//
//resil:guarded this is the dependency's side of the connection
func (w *wire) serve(client net.Conn) {
	defer cut(client)
	if w.sw.Fault() == Refuse {
		return
	}
	server, err := net.DialTimeout("tcp", w.upstream, starting)
	if err != nil {
		return
	}
	defer cut(server)

	// Reads block, so whoever ends this connection closes both of its halves.
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	var halves sync.WaitGroup
	halves.Go(func() { defer cancel(); w.carry(ctx, server, client) })
	halves.Go(func() { defer cancel(); w.carry(ctx, client, server) })
	halves.Go(func() { defer cancel(); w.watch(ctx) })
	<-ctx.Done()
	cut(client)
	cut(server)
	halves.Wait()
}

// carry copies from src to dst, holding bytes back while the wire hangs.
func (w *wire) carry(ctx context.Context, dst, src net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if f, held := w.sw.pass(ctx); held != nil || f == Refuse {
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// watch returns when the wire is to be cut.
func (w *wire) watch(ctx context.Context) {
	for {
		f, changed := w.sw.now()
		if f == Refuse || f == Restart {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// cut closes a connection the way a crashed host does: at once, unsent bytes
// dropped. Closing twice does no harm.
func cut(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
