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
// A result of another type comes back as it is, as do several results of one
// method, and so does one that is not to
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
		luck, hit := i.draw(ctx, r, n, dependency, method)
		if !hit {
			continue
		}
		if changed, ok := f.change(r, luck, result); ok {
			f.hit(ctx)
			result = changed
		}
	}
	return result
}

// change returns the result as the fault leaves it, ok if it can do anything to
// it.
func (f *fault) change(r *run, luck uint64, result any) (changed any, ok bool) {
	switch v := result.(type) {
	case *http.Response:
		if v == nil || v.Body == nil {
			return nil, false
		}
		v.Body = f.reader(r, luck, v.Body)
		return v, true
	case io.ReadCloser:
		return f.reader(r, luck, v), true
	}
	if f.Kind == Truncate {
		return cut(result, f.Keep)
	}
	return nil, false
}

// cut returns the first keep elements of a string or slice that has more.
func cut(result any, keep int) (short any, ok bool) {
	v := reflect.ValueOf(result)
	switch v.Kind() {
	case reflect.String, reflect.Slice:
		if v.Len() > keep {
			return v.Slice(0, keep).Interface(), true
		}
	}
	return nil, false
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
		var more [1]byte
		if n, err := s.ReadCloser.Read(more[:min(len(p), 1)]); n == 0 {
			return 0, err // as a rule: it was no longer than this
		}
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
