package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/resilgo/resil/analyzer/internal/finding"
)

// Annotations writes findings as workflow commands of GitHub Actions, which
// shows them beside the changed lines. Files are relative to root, the
// repository.
func Annotations(w io.Writer, findings []finding.Finding, root string) error {
	p := printer{w: w}
	for _, f := range findings {
		column := ""
		if f.Pos.Column > 0 {
			column = fmt.Sprintf(",col=%d", f.Pos.Column)
		}
		p.printf("::error file=%s,line=%d%s,title=%s::%s\n",
			property.Replace(filepath.ToSlash(Relative(root, f.Pos.Filename))),
			f.Pos.Line, column,
			property.Replace("resilvet: "+f.Rule),
			data.Replace(f.Message))
	}
	return p.err
}

// What the runner decodes in the message and in the properties of a command.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
