// Package stalegen defines the rule stalegen.
//
// # Analyzer stalegen
//
// stalegen: finds guards whose generated file is missing or out of date
//
// Between an edit of a directive and the next run of resilgen, the program does
// what the old directive said. The finding is at the guard; the file is written
// by
//
//	go generate ./...
//
// or by resilgen itself. The rule renders the decorators in memory and compares
// bytes, so it also finds generated files that were edited by hand and files
// whose source is gone.
//
// A source file with a problem that the rule directive reports is left alone
// until that is mended.
package stalegen
