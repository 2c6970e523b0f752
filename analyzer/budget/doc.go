// Package budget defines the rule budget.
//
// # Analyzer budget
//
// budget: finds calls that may take longer than their caller allows
//
// The worst case of a guarded method is its attempts times its timeout plus the
// waits between them, or its total if it states one. A caller with a shorter
// timeout gives up first: the last attempts never happen, and the fallback never
// runs.
//
//	ctx, cancel := context.WithTimeout(ctx, time.Second)
//	defer cancel()
//	prices.Price(ctx, sku) // may take 6.15s: 3 attempts of 2s and waits of 150ms
//
// Shorten what is inside, or lengthen what is outside.
//
// Not reported: timeouts that are not constants.
package budget
