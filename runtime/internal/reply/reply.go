// Package reply reads from an error what the dependency replied: whether that
// was an answer, when to ask again, and by which status. No client is imported,
// net/http included: a program that speaks SQL or gRPC alone need not carry it.
// What errors look like is asked of their types once and remembered.
package reply

import (
	"database/sql"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"time"
)

// IsAnswer reports whether err says that the dependency answered: no row, no
// key, a request that it refuses for what it says. No client is imported; what
// errors look like is asked of their types once and remembered.
func IsAnswer(err error) bool {
	if errors.Is(err, sql.ErrNoRows) { // pgx.ErrNoRows wraps it
		return true
	}
	answer, _ := find(err, func(err error) (bool, bool) { return shapeOf(err).answer(err) })
	return answer
}

// RetryAfter returns how long the dependency asks to be left alone, 0 when it
// does not say. An error that panics over the question does not.
func RetryAfter(err error) (d time.Duration) {
	defer func() {
		if recover() != nil {
			d = 0
		}
	}()
	d, _ = find(err, func(err error) (time.Duration, bool) { return shapeOf(err).retryAfter(err) })
	return d
}

// Open is a failure with an answer to read, such as the page that comes with a
// status: the answer outlives its attempt as that of a success does. Whoever
// returns it sees to it that the answer of each attempt is closed.
type Open struct{ Failure error }

// Error returns the failure's text.
func (o Open) Error() string { return o.Failure.Error() }

// Unwrap returns the failure.
func (o Open) Unwrap() error { return o.Failure }

// find returns the first value that f finds in the tree of err, outermost
// error first.
func find[T any](err error, f func(error) (T, bool)) (T, bool) {
	for err != nil {
		if v, ok := f(err); ok {
			return v, true
		}
		switch u := err.(type) { //nolint:errorlint // this walks the chain itself
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				if v, ok := find(e, f); ok {
					return v, true
				}
			}
			err = nil
		default:
			err = nil
		}
	}
	var zero T
	return zero, false
}

// shape is what one error type offers.
type shape struct {
	grpc     int   // index of method GRPCStatus() *T, T with Code() of a uint32 kind; -1 = none
	connect  int   // index of method Code() of Connect, whose codes are gRPC's and stand beside Meta() http.Header; -1 = none
	meta     int   // index of that Meta(); -1 = none
	answered int   // index of method HTTPResponse() *http.Response; -1 = none
	status   []int // index path of a field that holds the HTTP status
	response []int // index path of a field of type *http.Response
	header   []int // index path of a field of type http.Header
	text     bool  // string kind: compared by text
	mysql    []int // index path of the field Number of MySQL's driver, which stands beside a Message
}

var shapes sync.Map // reflect.Type -> *shape; as many as there are error types

func shapeOf(err error) *shape {
	t := reflect.TypeOf(err)
	if s, ok := shapes.Load(t); ok {
		return s.(*shape) //nolint:errcheck // the map holds nothing else
	}
	s, _ := shapes.LoadOrStore(t, newShape(t))
	return s.(*shape) //nolint:errcheck // the map holds nothing else
}

// isHeader and isResponse tell http.Header and *http.Response by their names.
func isHeader(t reflect.Type) bool { return t.PkgPath() == "net/http" && t.Name() == "Header" }

func isResponse(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http" && t.Elem().Name() == "Response"
}

func isCode(t reflect.Type) bool { return t.Kind() == reflect.Uint32 }

// getter returns the index of a method without parameters whose one result is
// like that, -1 if there is none.
func getter(t reflect.Type, name string, like func(reflect.Type) bool) int {
	if m, ok := t.MethodByName(name); ok && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 && like(m.Type.Out(0)) {
		return m.Index
	}
	return -1
}

func newShape(t reflect.Type) *shape {
	s := &shape{
		connect: -1, text: t.Kind() == reflect.String,
		answered: getter(t, "HTTPResponse", isResponse),
		grpc: getter(t, "GRPCStatus", func(status reflect.Type) bool {
			code, ok := status.MethodByName("Code")
			return ok && code.Type.NumIn() == 1 && code.Type.NumOut() == 1 && isCode(code.Type.Out(0))
		}),
	}
	if s.meta = getter(t, "Meta", isHeader); s.meta >= 0 {
		s.connect = getter(t, "Code", isCode)
	}
	st := t
	if st.Kind() == reflect.Pointer {
		st = st.Elem()
	}
	if st.Kind() != reflect.Struct {
		return s
	}
	if f, ok := st.FieldByName("Number"); ok && f.IsExported() && f.Type.Kind() == reflect.Uint16 {
		if m, ok := st.FieldByName("Message"); ok && m.Type.Kind() == reflect.String {
			s.mysql = f.Index
		}
	}
	names := []string{"StatusCode", "HTTPStatusCode", "HTTPCode"}
	if f, ok := st.FieldByName("Header"); ok && f.IsExported() && isHeader(f.Type) {
		s.header = f.Index
		names = append(names, "Code") // as Google's API errors have it: beside a header it is a status
	}
	for _, name := range names {
		if f, ok := st.FieldByName(name); ok && f.IsExported() && f.Type.Kind() == reflect.Int {
			s.status = f.Index
			break
		}
	}
	for _, name := range []string{"Response", "RawResponse"} {
		f, ok := st.FieldByName(name)
		switch {
		case !ok || !f.IsExported() || s.response != nil:
		case isResponse(f.Type):
			s.response = f.Index
		case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
			// A wrapper that embeds the response, as smithy's does.
			if in, ok := f.Type.Elem().FieldByName("Response"); ok && isResponse(in.Type) {
				s.response = append(append([]int(nil), f.Index...), in.Index...)
			}
		}
	}
	return s
}

// field returns the field of err at an index path, unless a pointer on the way
// is nil.
func field(err error, path []int) (reflect.Value, bool) {
	if path == nil {
		return reflect.Value{}, false
	}
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return reflect.Value{}, false
		}
		v = v.Elem()
	}
	f, e := v.FieldByIndexErr(path)
	return f, e == nil
}

// answer reports whether err is an answer; ok is false when err does not say.
func (s *shape) answer(err error) (answer, ok bool) {
	if s.text && err.Error() == "redis: nil" {
		return true, true
	}
	if code, ok := s.grpcCode(err); ok {
		return grpcAnswers[code], true
	}
	if status, ok := s.httpStatus(err); ok {
		return status >= 400 && status < 500 && status != 408 && status != 429, true
	}
	return false, false
}

// grpcAnswers are the status codes by which a server answers.
var grpcAnswers = map[uint64]bool{
	3:  true, // InvalidArgument
	5:  true, // NotFound
	6:  true, // AlreadyExists
	7:  true, // PermissionDenied
	9:  true, // FailedPrecondition
	16: true, // Unauthenticated
}

func (s *shape) grpcCode(err error) (uint64, bool) {
	if s.connect >= 0 {
		return reflect.ValueOf(err).Method(s.connect).Call(nil)[0].Uint(), true
	}
	if s.grpc < 0 {
		return 0, false
	}
	status := reflect.ValueOf(err).Method(s.grpc).Call(nil)[0]
	if status.Kind() == reflect.Pointer && status.IsNil() {
		return 0, false
	}
	return status.MethodByName("Code").Call(nil)[0].Uint(), true
}

func (s *shape) httpStatus(err error) (int, bool) {
	switch e := err.(type) { //nolint:errorlint // find walks the chain
	case interface{ HTTPStatusCode() int }:
		return e.HTTPStatusCode(), true
	case interface{ StatusCode() int }:
		return e.StatusCode(), true
	case interface{ HTTPCode() int }: // Google's APIError: -1 when it did not come by HTTP
		if code := e.HTTPCode(); code > 0 {
			return code, true
		}
	}
	if f, ok := field(err, s.status); ok && f.Int() != 0 {
		return int(f.Int()), true
	}
	if r, ok := s.httpResponse(err); ok {
		return int(r.FieldByName("StatusCode").Int()), true
	}
	return 0, false
}

// httpResponse returns the http.Response that err holds.
func (s *shape) httpResponse(err error) (reflect.Value, bool) {
	var r reflect.Value
	if s.answered >= 0 {
		r = reflect.ValueOf(err).Method(s.answered).Call(nil)[0]
	} else if f, ok := field(err, s.response); ok {
		r = f
	}
	if !r.IsValid() || r.IsNil() {
		return reflect.Value{}, false
	}
	return r.Elem(), true
}

func (s *shape) retryAfter(err error) (time.Duration, bool) {
	switch e := err.(type) { //nolint:errorlint // find walks the chain
	case interface{ RetryAfter() time.Duration }:
		return e.RetryAfter(), true
	case interface {
		RetryAfter() (time.Duration, bool)
	}:
		return e.RetryAfter()
	}
	if h := s.httpHeader(err)["Retry-After"]; len(h) > 0 {
		return ParseRetryAfter(h[0])
	}
	return 0, false
}

// httpHeader returns the http.Header that err holds, nil if it holds none.
func (s *shape) httpHeader(err error) map[string][]string {
	if s.connect >= 0 {
		return plain(reflect.ValueOf(err).Method(s.meta).Call(nil)[0])
	}
	if f, ok := field(err, s.header); ok {
		return plain(f)
	}
	if r, ok := s.httpResponse(err); ok {
		return plain(r.FieldByName("Header"))
	}
	return nil
}

// plain returns an http.Header as the map that it is.
func plain(header reflect.Value) map[string][]string {
	m, _ := header.Convert(reflect.TypeFor[map[string][]string]()).Interface().(map[string][]string)
	return m
}

// longest is the longest delay that is believed; it is the runtime's
// MaxDuration.
const longest = 24 * time.Hour

// ParseRetryAfter reads the header's two forms, seconds and a date.
func ParseRetryAfter(h string) (time.Duration, bool) {
	if h == "" {
		return 0, false
	}
	if n, err := strconv.Atoi(h); err == nil {
		if n < 0 || n > int(longest/time.Second) {
			return 0, false
		}
		return time.Duration(n) * time.Second, true
	}
	for _, layout := range dates {
		if at, err := time.Parse(layout, h); err == nil {
			return max(0, time.Until(at)), true
		}
	}
	return 0, false
}

// dates are the three formats of RFC 9110, section 5.6.7; the first is to be
// sent, all are to be understood.
var dates = [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}
