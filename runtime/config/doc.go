// Package config reads overrides of policies from a YAML file and keeps a
// running system in step with it:
//
//	dependencies:
//	  openai:
//	    breaker: {failures: 3, open: 90s}
//	    timeout: 5s
//	    methods:
//	      Complete:
//	        retry: {attempts: 2, backoff: 100ms..1s}
//	        degrade: {limited: fallback}
//
// What is not stated keeps what directives and code say. Keys and values are
// spelled as in directives. Every problem is reported at its line and column,
// with the line and a caret; a file with a problem changes nothing.
//
//	disabled: true
//
// is the kill switch: all policies off, fallbacks kept; below a dependency it
// speaks of that one only.
//
// [Schema] is the JSON Schema of the file, for editors.
package config
