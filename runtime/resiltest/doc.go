// Package resiltest is the kit for testing guards: a [Fake] dependency that
// does what a script says, and [Conform], the promises of package resil as a
// suite that any decorator can run.
//
// All of it is meant for virtual time: run it in a [testing/synctest] bubble,
// as Conform does by itself, and hours pass in microseconds.
package resiltest
