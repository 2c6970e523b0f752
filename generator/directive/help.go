package directive

import (
	"fmt"
	"strings"
)

// Help returns what `resilgen help VERB` prints: everything the reference says
// of the verb. Without a verb it lists all of them. The error for an unknown
// verb names the nearest one.
func Help(verb string) (string, error) {
	if verb == "" {
		return overview(), nil
	}
	verb = strings.TrimPrefix(verb, Prefix)
	doc := lookup(Verb(verb))
	if doc == nil {
		return "", fmt.Errorf("unknown directive %s; %s", show(verb), didYouMeanVerb(verb))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\n%s\nPut it %s.\n", Prefix, doc.Usage, doc.Summary, doc.where())
	if doc.Text != "" {
		fmt.Fprintf(&b, "\n%s\n", wrap(doc.Text, 78))
	}
	for _, k := range doc.Keys {
		fmt.Fprintf(&b, "\n  %s\n", k.head())
		for _, line := range k.lines() {
			fmt.Fprintf(&b, "%s\n", indent(wrap(line, 72), "      "))
		}
	}
	fmt.Fprintf(&b, "\nExample:\n\n%s", indent(strings.TrimRight(doc.Example, "\n"), "    "))
	return b.String() + "\n", nil
}

// Reference returns docs/directives.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, doc := range grammar {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", doc.Verb, doc.Verb, doc.Summary, doc.places())
	}
	b.WriteString(referenceRules)
	for _, doc := range grammar {
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s%s\n```\n\n%s Put it %s.\n", doc.Verb, Prefix, doc.Usage, doc.Summary, doc.where())
		if doc.Text != "" {
			fmt.Fprintf(&b, "\n%s\n", doc.Text)
		}
		b.WriteString("\n| argument | range | default | meaning |\n|---|---|---|---|\n")
		for _, k := range doc.Keys {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", cell(k.head()), cell(k.Range), cell(k.byDefault()), cell(k.Text))
		}
		fmt.Fprintf(&b, "\n```go\n%s```\n", doc.Example)
	}
	return b.String()
}

const referenceHead = `# Directives

<!-- Written by go test ./generator/directive -run Reference -update; the text lives in generator/directive/verbs.go. -->

A directive is a comment line that starts exactly with ` + "`//resil:`" + `. What stands here is also what ` + "`resilgen help VERB`" + ` prints.

| directive | meaning | on |
|---|---|---|
`

const referenceRules = `
## Syntax

- The comment stands in the doc comment of an interface, of one of its methods or of a function, or on or right above the line it speaks of. A blank line between detaches it.
- Arguments are words and ` + "`key=value`" + `, without blanks around ` + "`=`" + `. An argument that holds blanks is quoted as a whole: ` + "`\"key=some value\"`" + `. Lists are ` + "`a,b`" + `, ranges ` + "`a..b`" + `.
- A REASON is the raw rest of the line.
- Durations have a unit: ns, us, ms, s, m or h, as in ` + "`1m30s`" + `. Shares are numbers such as ` + "`0.5`" + `, not percentages.
- What stands on an interface is the default for its methods. A method's own line of the same verb replaces it whole. A default passes over methods it cannot apply to; ` + "`resilgen`" + ` notes each of them. A method's own line that cannot apply is an error.
- Everything unknown, doubled, out of range or contradictory is an error at its place in the file, and so is what only looks like a directive: ` + "`// resil:guard`, `//resil: guard`, `//resil:gaurd`" + `, a detached comment, a directive on a struct, a local type or a package clause.
`

// where says where the verb may stand.
func (v *VerbDoc) where() string {
	switch {
	case len(v.On) == len(onCode):
		return "on a function, or on or right above a line of code"
	case len(v.On) == len(onInterface):
		return "on an interface"
	default:
		return "on an interface or on one of its methods"
	}
}

func (v *VerbDoc) places() string {
	switch {
	case len(v.On) == len(onCode):
		return "function, line"
	case len(v.On) == len(onInterface):
		return "interface"
	default:
		return "interface, method"
	}
}

// head returns the argument as it is written.
func (k *KeyDoc) head() string {
	if k.Word != "" {
		return k.Word
	}
	return k.Key + "=" + k.Value
}

func (k *KeyDoc) byDefault() string {
	switch {
	case k.Required:
		return "required"
	case k.Default == "":
		return "none"
	default:
		return k.Default
	}
}

func (k *KeyDoc) lines() []string {
	lines := []string{k.Text}
	if k.Range != "" {
		lines = append(lines, "Range: "+k.Range+".")
	}
	return append(lines, "Default: "+k.byDefault()+". Example: "+k.Example)
}

// cell escapes what would end a cell of a Markdown table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// wrap breaks paragraphs at a width; indented lines stay as they are.
func wrap(text string, width int) string {
	var out []string
	for _, paragraph := range strings.Split(text, "\n") {
		if strings.HasPrefix(paragraph, " ") {
			out = append(out, paragraph)
			continue
		}
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				out = append(out, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func indent(text, by string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = by + l
		}
	}
	return strings.Join(lines, "\n")
}

func overview() string {
	var b strings.Builder
	b.WriteString("Directives are comments that start exactly with //resil: and stand above an\ninterface, one of its methods, a function or a line.\n\n")
	for _, doc := range grammar {
		fmt.Fprintf(&b, "  %-11s %s\n", doc.Verb, doc.Summary)
	}
	b.WriteString("\nresilgen help VERB tells more of one.\n")
	return b.String()
}
