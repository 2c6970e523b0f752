// Package report prints what the model of guarded interfaces says: tables and
// explanations for people, alerts, dashboards, runbooks, experiments and tests
// for the tools that run a service. One file per report.
//
// A report is a pure function of the model: same input, same bytes. Names in
// it come from the closed grammar of directives and from go/types, so that
// nothing in a source file can become a query, a template or code; reasons,
// the only free text, are quoted for the format they go into.
package report
