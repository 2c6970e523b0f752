// Package bypassed defines the rule bypassed.
//
// # Analyzer bypassed
//
// bypassed: finds uses of a raw client where its guarded decorator exists
//
// An interface with //resil:guard promises that its dependency is reached
// through the decorator. Code that calls the raw client, or hands it to someone
// who wants the interface, goes round breaker, timeout and fallback, and the
// system's level no longer tells the truth.
//
//	prices := openai.New(key)
//	shop.NewServer(prices) // the raw client: shop.GuardedPrices exists
//
// Pass the decorator:
//
//	shop.NewServer(shop.NewGuardedPrices(sys, openai.New(key)))
//
// Where it is in scope at a call, as a variable, a parameter or a field of the
// receiver, -fix calls it instead of the raw client.
//
// Not reported: the constructor of the decorator itself, health probes, methods
// marked //resil:plain, and tests.
package bypassed
