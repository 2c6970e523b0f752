package standin

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3bolt"
	"go.etcd.io/bbolt"
)

// Redis starts an in-memory Redis.
func Redis() (*Server, error) {
	redis := miniredis.NewMiniRedis()
	if err := redis.Start(); err != nil {
		return nil, err
	}
	s := &Server{Switch: newSwitch()}
	s.close = append(s.close, func() error { redis.Close(); return nil })
	// Time stands still in miniredis unless it is told.
	stop := every(time.Second, func() { redis.FastForward(time.Second) })
	s.close = append(s.close, stop)
	return s, s.front("redis://", redis.Addr(), "")
}

// S3 starts an S3 server that keeps its objects in a file, made when missing,
// and makes the bucket.
func S3(path, bucket string) (*Server, error) {
	// A second process on the same file would wait for ever without Timeout.
	file, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	s := &Server{Switch: newSwitch()}
	s.close = append(s.close, file.Close)
	backend := s3bolt.New(file)
	err = backend.CreateBucket(bucket)
	if err != nil && !gofakes3.HasErrorCode(err, gofakes3.ErrBucketAlreadyExists) {
		return nil, errors.Join(err, s.Close())
	}
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog()))
	return s, s.serve(fake.Server(), "")
}

// OpenAI starts a stub of the OpenAI API that knows one model.
func OpenAI(model string) (*Server, error) {
	s := &Server{Switch: newSwitch()}
	return s, s.serve(openAIStub(model), "/v1")
}

// Front puts a switch between clients and the real server at a URL, which the
// result's URL takes the place of.
func Front(server string) (*Server, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	s := &Server{Switch: newSwitch()}
	if err := s.front("", u.Host, ""); err != nil {
		return nil, err
	}
	u.Host = s.URL
	s.URL = u.String()
	return s, nil
}

// serve starts an HTTP server behind s's switch.
func (s *Server) serve(handler http.Handler, path string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, s.Close())
	}
	// Connections that the switch cuts are no news.
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go func() { _ = server.Serve(listener) }() // returns when closed
	s.close = append(s.close, server.Close)
	return s.front("http://", listener.Addr().String(), path)
}

// front puts a wire before the server at addr and sets the URL of s.
func (s *Server) front(scheme, addr, path string) error {
	w, err := startWire(addr, s.Switch)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	s.close = append(s.close, w.Close)
	s.URL = scheme + w.addr() + path
	return nil
}

// every runs do once per period until stopped.
func every(period time.Duration, do func()) (stop func() error) {
	ticker := time.NewTicker(period)
	quit := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				do()
			case <-quit:
				return
			}
		}
	}()
	return func() error {
		ticker.Stop()
		close(quit)
		<-stopped
		return nil
	}
}
