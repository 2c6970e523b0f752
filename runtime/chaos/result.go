package chaos

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"
)

// InjectResult implements resil.ResultInjector: it makes results slow or short.
// A result of another type comes back as it is, and so does one that is not to
// be changed because others may hold it: strings and slices are cut, not
// changed.
func (i *Injector) InjectResult(ctx context.Context, dependency, method string, result any) any {
	r := i.current()
	if r == nil {
		return result
	}
	for n, f := range i.faults {
		if f.Kind != Slow && f.Kind != Truncate {
			continue
		}
		if luck, hit := i.draw(ctx, r, n, dependency, method); hit {
			result = f.change(r, luck, result)
		}
	}
	return result
}

func (f *fault) change(r *run, luck uint64, result any) any {
	switch v := result.(type) {
	case nil:
		return nil
	case *http.Response:
		if v != nil && v.Body != nil {
			v.Body = f.reader(r, luck, v.Body)
		}
		return v
	case io.ReadCloser:
		return f.reader(r, luck, v)
	}
	if f.Kind == Truncate {
		return cut(result, f.Keep)
	}
	return result
}

// cut returns the first keep elements of a string or slice.
func cut(result any, keep int) any {
	v := reflect.ValueOf(result)
	switch v.Kind() {
	case reflect.String, reflect.Slice:
		if v.Len() > keep {
			return v.Slice(0, keep).Interface()
		}
	}
	return result
}

func (f *fault) reader(r *run, luck uint64, next io.ReadCloser) io.ReadCloser {
	if f.Kind == Truncate {
		return &shortReader{ReadCloser: next, left: f.Keep}
	}
	return &slowReader{ReadCloser: next, fault: f, run: r, luck: luck, closed: make(chan struct{})}
}

// shortReader ends too early, as a lost connection does.
type shortReader struct {
	io.ReadCloser
	left int
}

func (s *shortReader) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.ReadCloser.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}

// slowReader waits before each read and reads little at a time.
type slowReader struct {
	io.ReadCloser
	fault  *fault
	run    *run
	luck   uint64
	closed chan struct{}
	once   sync.Once
}

// slowChunk is how much a slow reader reads at a time.
const slowChunk = 1 << 10

func (s *slowReader) Read(p []byte) (int, error) {
	s.luck = mix(s.luck)
	timer := time.NewTimer(s.fault.delay(s.luck))
	defer timer.Stop()
	select {
	case <-timer.C:
		p = p[:min(len(p), slowChunk)]
	case <-s.run.over:
	case <-s.closed: // the reader below says what reading then means
	}
	return s.ReadCloser.Read(p)
}

func (s *slowReader) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.ReadCloser.Close()
}
