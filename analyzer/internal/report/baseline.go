package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// Key identifies a finding without its line, so that it stays the same when
// code around it moves: the rule, where it is by name, and what is called.
type Key struct {
	Rule    string `json:"rule"`
	Package string `json:"package"`
	Func    string `json:"func,omitempty"`
	Callee  string `json:"callee,omitempty"`
	// Message tells findings apart that call nothing. Places in it lack their
	// line.
	Message string `json:"message,omitempty"`
}

// place matches what a moved line changes in a message.
var place = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(:|\bline )\d+(:\d+)*`)
})

// KeyOf returns the key of a finding. Findings may share one, such as two calls
// of the same function in one function.
func KeyOf(f finding.Finding) Key {
	k := Key{Rule: f.Rule, Package: f.Package, Func: f.Func, Callee: f.Callee}
	if k.Callee == "" {
		k.Message = place().ReplaceAllString(f.Message, "$1#")
	}
	return k
}

// Fingerprint returns the key as an opaque string.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{k.Rule, k.Package, k.Func, k.Callee, k.Message}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		strings.Compare(a.Package, b.Package),
		strings.Compare(a.Func, b.Func),
		strings.Compare(a.Rule, b.Rule),
		strings.Compare(a.Callee, b.Callee),
		strings.Compare(a.Message, b.Message),
	)
}

// Baseline is a set of known findings.
type Baseline struct {
	known map[Key]int // how many findings of the key are known
}

// baselineVersion is the version of the file's format.
const baselineVersion = 1

type baselineFile struct {
	Version  int             `json:"version"`
	Findings []baselineEntry `json:"findings"`
}

type baselineEntry struct {
	Key
	Count int `json:"count"`
}

// WriteBaseline writes findings as a baseline, sorted, so that its diffs can be
// reviewed.
func WriteBaseline(w io.Writer, findings []finding.Finding) error {
	counts := make(map[Key]int)
	for _, f := range findings {
		counts[KeyOf(f)]++
	}
	file := baselineFile{Version: baselineVersion, Findings: []baselineEntry{}}
	for k, n := range counts {
		file.Findings = append(file.Findings, baselineEntry{Key: k, Count: n})
	}
	slices.SortFunc(file.Findings, func(a, b baselineEntry) int { return compareKeys(a.Key, b.Key) })
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(file)
}

// ReadBaseline reads the file that WriteBaseline wrote.
func ReadBaseline(filename string) (*Baseline, error) {
	content, err := os.ReadFile(filename)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.DisallowUnknownFields()
	var file baselineFile
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("baseline %s:%s: %s; mend it, or make it anew with -write-baseline", filename, jsonPosition(content, dec, err), described(err))
	}
	if dec.More() {
		return nil, fmt.Errorf("baseline %s:%s: more follows the end of the baseline; make it anew with -write-baseline", filename, jsonPosition(content, dec, nil))
	}
	if file.Version != baselineVersion {
		return nil, fmt.Errorf("baseline %s: version %d is not supported, this resilvet writes version %d; make it anew with -write-baseline", filename, file.Version, baselineVersion)
	}
	b := &Baseline{known: make(map[Key]int)}
	for _, e := range file.Findings {
		b.known[e.Key] += e.Count
	}
	return b, nil
}

// described says what is wrong without a word of Go.
func described(err error) string {
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return "the file is empty"
	case errors.As(err, &mismatch):
		return "unexpected " + mismatch.Value
	default:
		return strings.TrimPrefix(err.Error(), "json: ")
	}
}

// jsonPosition returns line:col of a decoding error.
func jsonPosition(content []byte, dec *json.Decoder, err error) string {
	offset := dec.InputOffset()
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = max(syntax.Offset-1, 0) // it counts the character that is wrong
	case errors.As(err, &mismatch):
		offset = mismatch.Offset
	}
	before := content[:min(int(offset), len(content))]
	return fmt.Sprintf("%d:%d", bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'))
}

// New returns the findings that are not in the baseline, and how many that are
// in it were not found any more. Of findings that share a key, the first in
// order are the known ones.
func (b *Baseline) New(findings []finding.Finding) (unknown []finding.Finding, gone int) {
	left := make(map[Key]int, len(b.known))
	for k, n := range b.known {
		left[k] = n
	}
	for _, f := range findings {
		k := KeyOf(f)
		if left[k] > 0 {
			left[k]--
			continue
		}
		unknown = append(unknown, f)
	}
	for _, n := range left {
		gone += n
	}
	return unknown, gone
}
