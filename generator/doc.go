// Package generator writes resilience decorators for annotated interfaces. The
// stages are load (packages with types), model (what the directives mean),
// render (bytes) and emit (files):
//
//	interface + //resil: directives → load → model → check → render → emit
//
// What it guarantees:
//   - The same input gives the same bytes, wherever and whenever it runs.
//   - All errors come at once, each with its place; with one error nothing is written.
//   - What is written was type-checked together with its package before.
//   - A file is replaced whole or not at all, only if its bytes change, and only
//     if resilgen wrote it.
//   - It runs no code of the packages it reads, no shell, and nothing over the
//     network beyond what the go command does to list packages.
package generator
