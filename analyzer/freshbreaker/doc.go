// Package freshbreaker defines the rule freshbreaker.
//
// # Analyzer freshbreaker
//
// freshbreaker: finds breakers that are made per call and can never trip
//
// A breaker learns from calls. One that is made inside the handler starts with
// no memory each time, so it never opens, however sick the dependency is. The
// same holds for a resil.System.
//
//	func (s *Server) price(w http.ResponseWriter, r *http.Request) {
//		cb := gobreaker.NewCircuitBreaker[Money](settings) // forgets all failures
//		price, err := cb.Execute(func() (Money, error) { return s.fetch(r) })
//
// A helper that returns a new one each time is no better, nor is a client of yours
// with a breaker inside that a handler makes for each request.
//
// Make it once, where the client is made, and keep it in a field or a package
// variable.
//
// Not reported: main, init, constructors and other functions that return or
// store what they make, functions run once, functions that serve, wait for signals
// or start the system and so stay as long as the program does, commands of cobra
// and its like, and tests.
package freshbreaker
