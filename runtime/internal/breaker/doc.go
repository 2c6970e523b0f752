// Package breaker is the shell around gobreaker v2 that keeps the promises
// gobreaker alone does not.
//
// gobreaker holds the state: it opens on the shell's word, measures the open
// period and closes again. Around it the shell
//
//   - mirrors the state in one atomic word, so that a call through a closed and
//     clean breaker costs two loads, and one against an open breaker a load and
//     a comparison with the clock;
//   - knows a third verdict, neutral, which gives a half-open permit back;
//   - runs one half-open round, M probes of which N must be good, under one
//     gobreaker permit, and reports one verdict for it. A round whose probes
//     hang is abandoned after a while and a new one begins;
//   - stamps every call with the generation of the state it began in and drops
//     results that come later;
//   - counts failure and slow-call ratios over a rolling window;
//   - jitters the open period, for which each opening takes a fresh gobreaker;
//   - lets calls in gradually after recovery;
//   - obeys what is forced by hand, and the kill switch, before anything else.
//
// # Races of the mirror
//
// Everything but the two fast paths happens under one mutex, which also orders
// the calls to gobreaker. A success on the fast path reads the word and finds
// it clean: it then counts as having ended before any failure that has not yet
// set the dirty bit, and such a failure will report itself under the mutex. A
// success that begins after a failure has returned sees the dirty bit and
// reports itself, which resets gobreaker's run of failures. So for every
// interleaving there is an order of events in which gobreaker alone would have
// decided the same.
package breaker
