// Package chaos puts faults into guarded calls, innermost, so that every policy
// meets them: errors, latency, hangs, panics, slow and truncated results.
//
//	faults, err := chaos.New(chaos.Config{Seed: 1}, chaos.Fault{
//		Kind: chaos.Latency, Dependency: "db", Share: 0.2,
//		Delay: 300 * time.Millisecond, Jitter: 100 * time.Millisecond,
//	})
//	sys, err := resil.New(resil.Config{}, resil.WithInjector(faults))
//	…
//	err = faults.Enable(sys, 10*time.Minute, "game day, ticket 42")
//
// An injector does nothing until Enable. What is enabled ends by itself after
// the given time, and at once when the system's level gets worse than a floor:
// an experiment must not turn into the outage it looks for.
//
// With one seed the same calls meet the same faults: whether the n-th call that
// a fault matches is hit depends on the seed, the fault's place in the list and
// n only.
package chaos
