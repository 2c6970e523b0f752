// Package rows is a module of its own that checks the catalogue against the
// real modules it speaks of: a row whose function does not exist fails. It is
// apart from the root module because it requires all of them, and behind a
// build tag because they are gigabytes to download. After a change of
// catalog.table:
//
//	cd analyzer/internal/catalog/rows && go test -tags rows .
package rows
