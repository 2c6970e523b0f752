// Package httpguard guards HTTP where there is no interface to generate a
// decorator for.
//
// [New] makes an http.RoundTripper with one dependency per host, so that any
// client library that takes an *http.Client is guarded:
//
//	client := &http.Client{Transport: httpguard.New(sys, nil, httpguard.Config{
//		Default: httpguard.Policies{Timeout: resil.Timeout{Attempt: 2 * time.Second}},
//	})}
//
// Responses are judged by their status: 5xx, 408 and 429 are failures of the
// dependency, all others are answers. The caller gets every response that came
// as net/http would give it; only rejections and lost connections are errors.
// Retries wait for Retry-After, and repeat only what may be repeated: methods
// that are idempotent, or carry an Idempotency-Key, with a body that can be
// rewound.
//
// [NewServer] makes middleware: it puts level and criticality on the context,
// answers 503 with Retry-After, or a fallback, on routes that the level does
// not serve, and tells the level in a header. [Health] serves /healthz and
// /readyz.
//
// Criticality and remaining time of a request travel from service to service in
// the headers Resil-Criticality and Resil-Budget-Ms.
package httpguard
