// Package budget defines the rule budget.
//
// # Analyzer budget
//
// budget: finds calls that may take longer than their caller allows
//
// The worst case of a guarded method is its attempts times its timeout plus the
// waits between them, or its total if it states one; so is that of resil.Do with
// the policies of its dependency. A caller with a shorter timeout gives up first:
// the last attempts never start, or a fallback has no time left. The caller may be
// a function with a deadline, further up as well, or a guard around this one,
// which allows what its own attempt does.
//
//	ctx, cancel := context.WithTimeout(ctx, time.Second)
//	defer cancel()
//	prices.Price(ctx, sku) // may take 6.15s: 3 attempts of 2s and waits of 150ms
//
// Shorten what is inside, or lengthen what is outside.
//
// A variable that is set once, to a constant, counts as one. Not reported: other
// timeouts.
package budget
