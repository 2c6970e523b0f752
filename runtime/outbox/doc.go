// Package outbox keeps writes that could not be delivered in a file and
// delivers them when their dependency is back. It implements [resil.Store]:
//
//	box, err := outbox.Open("/var/lib/shop/outbox", outbox.Config{})
//	sys, err := resil.New(resil.Config{}, resil.WithOutbox(box))
//
// # Promises
//
//   - A write is durable before the call that stored it returns: it survives
//     the end of the process, kill -9 and, as far as the disk honours fsync, a
//     power cut.
//   - Every stored write is delivered at least once, those of one dependency in
//     the order in which they were stored and one at a time.
//   - Every delivery of one write carries the same idempotency key in its
//     context, see [Key], and so did the call that could not deliver it. A crash
//     between delivery and its record delivers again, and a call may have timed
//     out after it was done: the receiver tells by the key.
//   - A write that keeps failing while its dependency answers is set aside
//     after some attempts, so that it does not block those behind it. It is
//     kept, listed by [Store.Dead], and goes back by [Store.Requeue].
//   - A write goes to the method of the interface that it came from, after a
//     restart too: rename either when nothing waits, or what waits is set aside.
//   - The size is bounded, with a policy you choose; see [FullPolicy].
//   - The folder belongs to one process at a time, and to its user alone: 0700
//     and 0600, no symbolic links, no foreign owner.
//   - After a failed write to the file nothing more is accepted or delivered:
//     what the file then holds is only known after it is opened anew.
//
// Payloads never reach a log. They lie in the file as they are given: encrypt
// them before, or put the folder on an encrypted disk, if they are secret.
package outbox
