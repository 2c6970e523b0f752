// Package load finds the packages to generate for and type-checks them from
// source.
//
// It asks the go command for names of files only. Export data would make it
// compile every dependency; signatures do not need that. What is type-checked
// is what the packages declare, without function bodies, and of their
// dependencies what these declarations reach.
//
// Packages need not compile yet. Files that resilgen wrote are left out, and a
// type error counts only where a guarded interface depends on it: code that
// already uses a decorator not yet generated is the ordinary case.
package load
