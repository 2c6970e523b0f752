package reply

import (
	"strconv"
	"strings"
)

// Kind is the protocol that a status belongs to.
type Kind uint8

// The protocols.
const (
	HTTP Kind = iota + 1
	RPC       // gRPC and Connect
	Database
)

// Status is the status by which a dependency replied.
type Status struct {
	Kind Kind
	// Code names it as its protocol does: 503 for HTTP, UNAVAILABLE for gRPC,
	// unavailable for Connect, an SQLSTATE or the server's own number for SQL,
	// the prefix of a simple error for Redis. There are as many as the protocol
	// has; it never holds other parts of the error's text.
	Code string
	HTTP int // the status of HTTP, 0 for other kinds
}

// StatusOf returns the status that err tells, of the outermost error that tells
// one. An error that panics over the question tells none.
func StatusOf(err error) (status Status, ok bool) {
	defer func() {
		if recover() != nil {
			status, ok = Status{}, false
		}
	}()
	return find(err, func(err error) (Status, bool) { return shapeOf(err).statusOf(err) })
}

// TimedOut reports whether an error in the tree of err says that time ran out,
// as those of net and context do.
func TimedOut(err error) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	yes, _ = find(err, func(err error) (bool, bool) {
		e, ok := err.(interface{ Timeout() bool })
		return true, ok && e.Timeout()
	})
	return yes
}

func (s *shape) statusOf(err error) (Status, bool) {
	if code, ok := s.grpcCode(err); ok {
		if code >= uint64(len(codes)) {
			return Status{Kind: RPC, Code: strconv.FormatUint(code, 10)}, true
		}
		name := codes[code]
		if s.connect >= 0 {
			name = strings.ToLower(name)
			if code == 1 {
				name = "canceled" // Connect spells it so
			}
		}
		return Status{Kind: RPC, Code: name}, true
	}
	if code, ok := s.database(err); ok {
		return Status{Kind: Database, Code: code}, true
	}
	// Clients give 0 and -1 when no reply came.
	if status, ok := s.httpStatus(err); ok && status >= 100 && status <= 999 {
		return Status{Kind: HTTP, Code: strconv.Itoa(status), HTTP: status}, true
	}
	return Status{}, false
}

// codes are gRPC's by number.
var codes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// database returns the code by which a database server replied.
func (s *shape) database(err error) (string, bool) {
	switch e := err.(type) { //nolint:errorlint // find walks the chain
	case interface{ SQLState() string }: // PostgreSQL's drivers
		state := e.SQLState()
		return state, len(state) == 5 && strings.Trim(state, capitals+"0123456789") == ""
	case interface{ SQLErrorNumber() int32 }: // Microsoft's
		return strconv.Itoa(int(e.SQLErrorNumber())), true
	case interface{ RedisError() }:
		prefix, _, _ := strings.Cut(err.Error(), " ")
		return prefix, prefix != "" && len(prefix) <= 32 && strings.Trim(prefix, capitals) == ""
	}
	if number, ok := field(err, s.mysql); ok {
		return strconv.FormatUint(number.Uint(), 10), true
	}
	return "", false
}

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
