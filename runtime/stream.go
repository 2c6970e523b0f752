package resil

import (
	"context"
	"database/sql"
	"io"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/resilgo/resil/runtime/internal/reply"
)

// CallStream is [Call] for a method whose result outlives it: a body, rows. The
// attempt timeout bounds the call until it returns; the result then lives on
// the caller's context. tie returns the result such that the cancel function it
// is given is called at the result's end; [TieReadCloser], [TieResponse] and
// [TieRows] are such functions. A result that comes too late nobody gets: tie is
// given nil and closes it.
func CallStream[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), tie func(T, context.CancelFunc) T) (T, error) {
	return invoke(ctx, m, do, &standIns[T]{tie: tie})
}

// CallStreamWith is [CallStream] with what may stand in for the client.
func CallStreamWith[T any](ctx context.Context, m *Method, do func(context.Context) (T, error), tie func(T, context.CancelFunc) T, with With[T]) (T, error) {
	return invoke(ctx, m, do, &standIns[T]{With: with, tie: tie})
}

// outlive lets the result of an attempt live on, also one that came with its
// failure.
func outlive[T any](a *arm, v T, err error, tie func(T, context.CancelFunc) T) (T, error) {
	if err == nil {
		v, err = tied(a.own, v, tie)
		a.tied = err == nil
	} else if _, open := err.(reply.Open); open && a.own.lift() == nil { //nolint:errorlint // as the client returned it
		v, a.tied = tie(v, a.own.end), true
	}
	return v, err
}

// tied lifts the deadline of own and ties the rest to the result's end.
func tied[T any](own *deadlineCtx, v T, tie func(T, context.CancelFunc) T) (T, error) {
	if err := own.lift(); err != nil {
		tie(v, nil)
		var none T
		return none, err
	}
	return tie(v, own.end), nil
}

// LastOf returns a function of whose n calls the last one calls cancel, for a
// method with n results that outlive it; nil if cancel is nil.
func LastOf(n int, cancel context.CancelFunc) context.CancelFunc {
	if cancel == nil {
		return nil
	}
	left := new(atomic.Int32)
	left.Store(int32(n)) //nolint:gosec // the number of a method's results
	return func() {
		if left.Add(-1) == 0 {
			cancel()
		}
	}
}

// TieReadCloser returns r such that cancel is called when r is closed or read
// to its end. A WriterTo of r is kept. With a nil cancel it closes r.
func TieReadCloser(r io.ReadCloser, cancel context.CancelFunc) io.ReadCloser {
	switch {
	case cancel == nil:
		if r != nil {
			_ = r.Close() // nobody will read what it holds
		}
		return r
	case r == nil:
		cancel()
		return nil
	}
	t := &tiedReader{ReadCloser: r, cancel: cancel}
	if w, ok := r.(io.WriterTo); ok {
		return &tiedWriterTo{tiedReader: t, to: w}
	}
	return t
}

// tiedReader cancels once its reader has ended.
type tiedReader struct {
	io.ReadCloser
	cancel context.CancelFunc
	once   sync.Once
}

func (t *tiedReader) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil {
		t.once.Do(t.cancel)
	}
	return n, err
}

func (t *tiedReader) Close() error {
	defer t.once.Do(t.cancel)
	return t.ReadCloser.Close()
}

type tiedWriterTo struct {
	*tiedReader
	to io.WriterTo
}

func (t *tiedWriterTo) WriteTo(w io.Writer) (int64, error) {
	defer t.once.Do(t.cancel)
	return t.to.WriteTo(w)
}

// TieResponse returns r, an *http.Response, such that cancel is called when its
// body is closed or read to its end. A body that can be written to (a switched
// protocol) stays so. With a nil cancel it closes the body.
//
// R is told by its methods and its Body found by reflection, so that programs
// without HTTP need not carry net/http.
func TieResponse[R interface {
	ProtoAtLeast(major, minor int) bool
	Write(io.Writer) error
}](r R, cancel context.CancelFunc) R {
	body := bodyOf(reflect.ValueOf(r))
	switch {
	case body == nil || isNoBody(*body):
		TieReadCloser(nil, cancel)
	case cancel == nil:
		TieReadCloser(*body, nil)
	default:
		if rw, ok := (*body).(io.ReadWriteCloser); ok {
			*body = &tiedReadWriter{tiedReader: &tiedReader{ReadCloser: rw, cancel: cancel}, Writer: rw}
			break
		}
		*body = TieReadCloser(*body, cancel)
	}
	return r
}

// bodyOf returns where a response keeps its body, nil if there is none.
func bodyOf(r reflect.Value) *io.ReadCloser {
	if r.Kind() != reflect.Pointer || r.IsNil() || r.Elem().Kind() != reflect.Struct {
		return nil
	}
	f := r.Elem().FieldByName("Body")
	if !f.IsValid() || !f.CanSet() || f.IsZero() {
		return nil
	}
	body, _ := f.Addr().Interface().(*io.ReadCloser)
	return body
}

// isNoBody reports whether body is http.NoBody, which clients compare with.
func isNoBody(body io.ReadCloser) bool {
	t := reflect.TypeOf(body)
	return t.PkgPath() == "net/http" && t.Name() == "noBody"
}

type tiedReadWriter struct {
	*tiedReader
	io.Writer
}

// TieRows returns r such that cancel is called once r is garbage. *sql.Rows has
// no hook for Close, but nothing waits on the context after Close; what cancel
// frees is a registration at the caller's context. With a nil cancel it closes
// r.
func TieRows(r *sql.Rows, cancel context.CancelFunc) *sql.Rows {
	switch {
	case cancel == nil:
		if r != nil {
			_ = r.Close() // nobody will read what it holds
		}
		return r
	case r == nil:
		cancel()
		return nil
	}
	runtime.AddCleanup(r, func(cancel context.CancelFunc) { cancel() }, cancel)
	return r
}
