// Package rows is a module of its own that checks the catalogue against the
// real modules it speaks of: a row whose function does not exist, or that
// another row hides, fails. It is apart from the root module because it requires
// all of them, and behind a build tag because they are gigabytes to download
// (they are not compiled: that takes half a minute). After a change of
// catalog.table:
//
//	cd analyzer/internal/catalog/rows && go test -tags rows . -update
//
// imports.go names the packages. What was found is written to
// ../testdata/witnesses.txt, and the catalogue's own test, which is in every
// gate, holds that each row is there.
package rows
