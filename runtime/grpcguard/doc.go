// Package grpcguard guards gRPC where there is no interface to generate a
// decorator for, or where one guard for all stubs of a connection is wanted:
//
//	guard := grpcguard.New(sys, grpcguard.Config{})
//	conn, err := grpc.NewClient(target, guard.DialOptions()...)
//
// Each service is a dependency, each of its methods a method. Status codes are
// judged as the runtime's table says. An error that a policy decided has a code
// too: Unavailable for an open breaker and for what the level sheds,
// ResourceExhausted for bulkhead and rate, DeadlineExceeded for a timeout; the
// runtime's errors are reached by errors.Is as everywhere.
//
// A stream is judged by the first that comes back: a message or header is an
// answer, an end with a failing status is a failure. It holds its place in the
// bulkhead until then. A stream that breaks later counts as one more failure,
// under the method's name with "_stream". Streams are not retried; the attempt
// timeout bounds the wait for the first message of a stream to which the
// client sends only one.
//
// [NewServer] makes interceptors for servers, as httpguard does for HTTP, and
// [Health] the standard health service. Criticality and remaining time travel
// in metadata.
package grpcguard
