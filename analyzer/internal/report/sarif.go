package report

import (
	"encoding/json"
	"fmt"
	"go/token"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// The types below are the part of SARIF 2.1.0 that GitHub's code scanning
// reads, and what it requires.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool                `json:"tool"`
	ColumnKind string                   `json:"columnKind"`
	URIBases   map[string]sarifArtifact `json:"originalUriBaseIds,omitempty"`
	Automation sarifAutomation          `json:"automationDetails"`
	Results    []sarifResult            `json:"results"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Version        string      `json:"version,omitempty"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Short      sarifText       `json:"shortDescription"`
	Full       sarifText       `json:"fullDescription"`
	HelpURI    string          `json:"helpUri"`
	Help       sarifText       `json:"help"`
	Default    sarifDefault    `json:"defaultConfiguration"`
	Properties sarifProperties `json:"properties"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifDefault struct {
	Level string `json:"level"`
}

type sarifProperties struct {
	Precision string   `json:"precision"`
	Severity  string   `json:"problem.severity"`
	Tags      []string `json:"tags"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Related      []sarifLocation   `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	ID       int           `json:"id,omitempty"`
	Physical sarifPhysical `json:"physicalLocation"`
	Message  *sarifText    `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

// sourceRoot is the name that SARIF readers know the repository's root by.
const sourceRoot = "%SRCROOT%"

// SARIF writes findings as a SARIF 2.1.0 log with one run. Files are relative to
// root, the repository. Findings keep their fingerprint when lines move. Version
// is that of resilvet; it may be empty.
func SARIF(w io.Writer, findings []finding.Finding, rules []Rule, root, version string) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name:           "resilvet",
			InformationURI: "https://github.com/resilgo/resil",
			Version:        version,
			Rules:          sarifRules(rules),
		}},
		ColumnKind: "unicodeCodePoints",
		URIBases:   map[string]sarifArtifact{sourceRoot: {URI: fileURI(root) + "/"}},
		Automation: sarifAutomation{ID: "resilvet/"},
		Results:    make([]sarifResult, 0, len(findings)),
	}
	columns := newColumns()
	ordinals := make(map[Key]int)
	for _, f := range findings {
		key := KeyOf(f)
		ordinals[key]++
		id := fmt.Sprintf("%s:%d", key.Fingerprint(), ordinals[key])
		result := sarifResult{
			RuleID:    f.Rule,
			RuleIndex: slices.IndexFunc(rules, func(r Rule) bool { return r.Name == f.Rule }),
			Level:     "error",
			Message:   sarifText{Text: f.Message},
			Locations: []sarifLocation{{Physical: physical(root, f.Pos, f.End, columns)}},
			// GitHub reads the first one only, and takes it for a hash of lines if
			// it is absent.
			Fingerprints: map[string]string{"primaryLocationLineHash": id, "resilvet/v1": id},
		}
		for i, r := range f.Related {
			result.Related = append(result.Related, sarifLocation{
				ID: i + 1, Physical: physical(root, r.Pos, token.Position{}, columns), Message: &sarifText{Text: r.Message},
			})
		}
		run.Results = append(run.Results, result)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func sarifRules(rules []Rule) []sarifRule {
	out := make([]sarifRule, len(rules))
	for i, r := range rules {
		out[i] = sarifRule{
			ID:      r.Name,
			Name:    r.Name,
			Short:   sarifText{Text: r.Summary},
			Full:    sarifText{Text: truncate(firstParagraph(r.Text), 1024)},
			HelpURI: r.URL,
			Help:    sarifText{Text: r.Text, Markdown: r.Help},
			Default: sarifDefault{Level: "error"},
			Properties: sarifProperties{
				Precision: "high",
				Severity:  "error",
				Tags:      []string{"reliability"},
			},
		}
	}
	return out
}

// firstParagraph returns the first paragraph below the summary of a rule's
// documentation, or the summary if that is all.
func firstParagraph(text string) string {
	paragraphs := strings.SplitN(text, "\n\n", 3)
	if len(paragraphs) > 1 {
		return paragraphs[1]
	}
	return paragraphs[0]
}

func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

func physical(root string, pos, end token.Position, columns *columns) sarifPhysical {
	region := sarifRegion{StartLine: max(pos.Line, 1), StartColumn: columns.of(pos)}
	if end.IsValid() && end.Filename == pos.Filename {
		region.EndLine, region.EndColumn = end.Line, columns.of(end)
	}
	return sarifPhysical{Artifact: artifact(root, pos.Filename), Region: region}
}

// artifact returns the location of a file. GitHub rejects absolute URIs of
// another root, so what lies outside the repository goes by its whole path.
func artifact(root, filename string) sarifArtifact {
	rel := Relative(root, filename)
	if filepath.IsAbs(rel) {
		return sarifArtifact{URI: fileURI(rel)}
	}
	return sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(rel)}).EscapedPath(), URIBaseID: sourceRoot}
}

func fileURI(path string) string {
	slash := filepath.ToSlash(path)
	if !strings.HasPrefix(slash, "/") {
		slash = "/" + slash // a Windows drive
	}
	return (&url.URL{Scheme: "file", Path: strings.TrimSuffix(slash, "/")}).String()
}
