// Package level decides how degraded a system is from the state of its
// dependencies. It is pure: every input carries its time, nothing here starts
// a goroutine or a timer or reads a clock. So the same engine serves a system
// that evaluates lazily, on calls, and one that has timers: both ask
// [Engine.Next] when the level may next change by the mere passing of time.
//
// # Rules
//
// The level that the state asks for, its target, is the worst of
//
//   - the down level of each dependency that is down;
//   - while three or more dependencies, or two or more critical ones, are
//     down: Minimal if the score is below 50, Emergency if it is below 30 and
//     a critical one is down.
//
// The score is Σ weight of up dependencies / Σ weight × 100, and one that is up
// but slow counts half.
//
// A worse target takes effect at once. A better one has to hold for a while
// (stable, 10 s); the while doubles up to a bound (40 s) when the level worsens
// soon after it recovered, and is back at its start once the level has kept
// calm.
//
// # Noise
//
// Waiting does not help against a score that wavers round a threshold more
// slowly than the wait. So a score rule that has spoken holds until the score
// is more than a margin (5) above its threshold. The return of a dependency is
// news rather than noise: it lifts the hold, and the plain thresholds decide.
package level
