//go:build linux

package ops_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Grafana is too large to build here; its own types, made from its schemas,
// read the dashboard strictly. (Its expressions are checked where it is made.)
func TestDashboardHoldsToGrafanasSchema(t *testing.T) {
	types := cog.NewRuntime()
	types.RegisterPanelcfgVariant(stat.VariantConfig())
	types.RegisterPanelcfgVariant(timeseries.VariantConfig())

	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	// The classic schema: what every Grafana imports and provisions.
	var board dashboard.Dashboard //nolint:staticcheck // as above; the SDK prefers the next one
	// The SDK returns an empty list of errors where there is none.
	if err := board.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		t.Errorf("not by the schema:\n%v", err)
	}
	if err := board.Validate(); err != nil {
		t.Errorf("out of range:\n%v", err)
	}
	if len(board.Panels) < 20 {
		t.Errorf("only %d panels", len(board.Panels))
	}
	for what, broken := range map[string][]byte{
		"a panel":  bytes.Replace(text, []byte(`"gridPos"`), []byte(`"gridpos"`), 1),
		"a number": bytes.Replace(text, []byte(`"w": 24`), []byte(`"w": "24"`), 1),
	} {
		if err := board.UnmarshalJSONStrict(broken); err == nil || err.Error() == "" {
			t.Errorf("%s that is wrong is accepted", what)
		}
	}
}
