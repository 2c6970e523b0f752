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
// Layers are guards, resil.Do with a retry policy, retry libraries, loops written
// by hand, helpers of your own that run a function again, and clients that try
// again by themselves: by default, as go-redis and the AWS SDK do, or because a
// setting, a service config or a transport says so. The finding is where the
// layer begins that exceeds the limit; under a decorator that nobody calls here,
// at what it decorates.
//
// The limit is 9 attempts for one request. Retries of different dependencies do
// not multiply, and a layer whose number of attempts is not a constant counts
// as one. One that only time ends has no limit.
package retrystorm
