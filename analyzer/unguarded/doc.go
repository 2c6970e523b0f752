// Package unguarded defines the rule unguarded.
//
// # Analyzer unguarded
//
// unguarded: finds outbound calls that no guard covers
//
// When a database, a cache or a vendor's service slows down or fails, every
// call to it that is not behind a circuit breaker keeps a goroutine, a
// connection and a user waiting. One forgotten call is enough to take the whole
// service down with the dependency.
//
// An outbound call is the place where your own code hands over to something
// that leaves the process: a client library, a generated gRPC stub, or a method
// of an interface that has no implementation in your module. In-house wrappers
// are followed, so the finding is at the innermost call in code you own, once.
//
//	func (s *Store) Item(ctx context.Context, id string) (Item, error) {
//		row := s.db.QueryRowContext(ctx, query, id) // outbound call is not guarded
//
// Put the client behind an interface with a guard, and let resilgen write the
// decorator:
//
//	//resil:guard db criticality=critical
//	//resil:breaker failures=3
//	type Items interface {
//		//resil:read
//		Item(ctx context.Context, id string) (Item, error)
//	}
//
// or run the call in resil.Do, gobreaker, hystrix-go, sentinel-golang, go-zero's
// breaker or a failsafe-go executor with a breaker. Helpers that run their
// function parameter inside one of these count, and so do clients that are
// built with a guarding transport, interceptor or driver. What a two-step breaker
// admits is guarded until it is told the end, also where a function of yours asks
// it and hands its answer on. Retry, rate limit and timeout alone are no guard,
// and fallbacks run outside of theirs. One unguarded path makes a call unguarded;
// the finding names that path, with the helper and the caller that go together.
//
// Where the decorator of the very client that is called is in scope, -fix calls
// that instead.
//
// A call that is protected in a way that cannot be seen is marked on its line or
// on its function:
//
//	//resil:guarded the sidecar has the breaker
//
// Fault injection that no switch guards is found, too: an injector of package
// chaos that is enabled in every run of the program, since nothing between its
// start and Enable asks a flag, the environment, a setting, a request or an
// operator; and an injector of your own, handed to resil.WithInjector, that
// fails every call without being asked.
//
//	func main() {
//		…
//		err = faults.Enable(sys, time.Hour, "game day") // chaos: … is unguarded
//
// Ask first, or give the switch to the operators:
//
//	if *gameDay {
//		err = faults.Enable(sys, time.Hour, "game day")
//	}
//	…
//	operators, err := admin.New(sys, admin.Config{Authorize: who, Chaos: order})
//
// Constants ask nobody, unless build tags choose them, and neither does a
// comparison of what was just made with nil; nor does it matter that something did
// not fail, or that time has passed. Tests, and files and programs behind a build
// tag of your own, are left alone, and so is what callers out of sight decide. It
// is no call, and no report counts it.
//
// Not reported, but counted in the report: consumer polls, subscriptions and
// acknowledgements, Rollback, clean-up at shutdown, telemetry and feature-flag
// clients, test files and generated files. Lazy constructors, builders,
// presigners, queued pipeline commands, row iteration, accessors and Close are
// no calls. Under go vet and golangci-lint, which see one package at a time, a
// call whose wiring lies elsewhere is left alone.
package unguarded
