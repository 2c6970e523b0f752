// Package unsaferetry defines the rule unsaferetry.
//
// # Analyzer unsaferetry
//
// unsaferetry: finds retries that may do harm
//
// A retry sends the same request again although the first may have worked. For
// a read that costs load; for a write it can charge a customer twice. Four
// shapes are found:
//
// A write that is retried and not idempotent: a method marked write, an HTTP
// POST or PATCH without an idempotency key, an INSERT without a conflict clause,
// retried by a library, a loop, a helper of your own, or by its own client, as
// go-retryablehttp does.
//
//	backoff.Retry(func() error { return payments.Charge(ctx, order) }, b)
//
// A retried call with a parameter that cannot be sent twice, such as an
// io.Reader or a channel. A retry loop written by hand around a guarded call,
// which retries what the guard has just refused. And a client that retries on
// its own (openai-go, the AWS SDK, go-redis and others do, unasked) under a
// guard that retries too, which multiplies the attempts.
//
// Mark the method //resil:idempotent if it is, move the retry into the guard, or
// switch the client's own retries off, for example with option.WithMaxRetries(0)
// or MaxRetries: -1.
//
// Not reported: statements that are not constants, statements on a transaction,
// which is undone as a whole, and loops that ask of the error whether it may be
// retried.
package unsaferetry
