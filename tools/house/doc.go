// Package house holds the tests of the repository as a whole: which package may
// import which, how light the root module is, and that what the documents say
// compiles, runs and resolves.
package house
