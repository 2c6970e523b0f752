// Package share lets the replicas of a service tell each other, over Redis,
// which breakers they have opened, so that a replica need not burn its own
// calls to learn what a quorum of its peers knows:
//
//	hints, err := share.New(sys, share.Redis(client, "shop"), share.Config{})
//	err = hints.Start()
//
// They are hints. Verdicts stay local:
//
//   - A replica tells what its own breaker found, never what a hint or a hand
//     made of it. So hints do not echo, and a group cannot hold itself open.
//   - A quorum of other replicas opens a closed breaker early for a short hold,
//     10 s. Then its own calls decide. Nothing opens it again for the same
//     quorum: that has to be lost and found anew, and a gap of five minutes to
//     pass. Whoever lies, with however many voices, costs a replica at most
//     10 s of calls in 5 minutes.
//   - No call waits for the store. It is asked in the background; if it is
//     slow, away, or answers nonsense, everything goes on as without it.
//   - What is forced by hand is left alone.
//
// gobreaker's own distributed breaker is another thing: it keeps the state
// itself in the store and holds a lock there over each call.
package share
