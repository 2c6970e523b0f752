// Package resiltest is the kit for testing guards: a [Fake] dependency that
// does what a script says; [Prove], which holds a guard to what its directives
// say and is what the tests call that "resilgen tests" writes; and [Conform],
// the promises of package resil as a suite that any decorator can run.
//
// All of it is meant for virtual time: run it in a [testing/synctest] bubble,
// as Prove and Conform do by themselves, and hours pass in microseconds.
package resiltest
