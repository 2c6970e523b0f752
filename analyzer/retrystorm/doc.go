// Package retrystorm defines the rule retrystorm.
//
// # Analyzer retrystorm
//
// retrystorm: finds retries nested in retries
//
// Attempts multiply along the way down: three in the handler, three in the
// guard and three in the client are twenty-seven requests at a dependency that
// is already in trouble. The finding prints the factor and the path that leads
// to it.
//
//	retry.Do(func() error { return prices.Refresh(ctx) }) // 3 × 4 attempts
//
// Keep the retry at one layer, the one that knows whether trying again helps.
//
// The limit is 9 attempts for one request. Retries of different dependencies do
// not multiply, and a layer whose number of attempts is not a constant counts
// as one.
package retrystorm
