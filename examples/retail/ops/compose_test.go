//go:build linux

package ops_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func load(t *testing.T, text []byte) (*types.Project, error) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: here, ConfigFiles: []types.ConfigFile{{Filename: "compose.yml", Content: text}},
	}, func(o *loader.Options) { o.SetProjectName("ops", true) })
}

// No engine runs here, but Compose's own loader reads the file by its schema,
// and what the servers are told agrees with what they tell each other and with
// what the README says.
func TestComposeFileHoldsTogether(t *testing.T) {
	text, err := os.ReadFile("compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	project, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, []byte(strings.Replace(string(text), "volumes:", "volume:", 1))); err == nil {
		t.Error("a misspelt field is accepted")
	}

	pinned := regexp.MustCompile(`^[a-z]+/[a-z]+:v?\d+\.\d+\.\d+$`)
	mounted := map[string]bool{}
	for name, s := range project.Services {
		if !pinned.MatchString(s.Image) || s.NetworkMode != "host" || len(s.Ports) != 0 {
			t.Errorf("%s: image %q, network %q, ports %v; want a pinned image in the host's network", name, s.Image, s.NetworkMode, s.Ports)
		}
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s mounts %s, read only %t: %v", name, v.Source, v.ReadOnly, err)
			}
			mounted[filepath.Base(v.Source)] = true
		}
	}
	for _, file := range []string{"prometheus.yml", "alerts.yml", "alertmanager.yml", "dashboard.json", "grafana-datasource.yml", "grafana-dashboards.yml"} {
		if !mounted[file] {
			t.Errorf("%s is mounted nowhere", file)
		}
	}

	// In the host's network every server keeps to loopback, by its own switch.
	const prometheus, alertmanager = "127.0.0.1:9090", "127.0.0.1:9093"
	for name, flag := range map[string]string{"prometheus": "--web.listen-address=" + prometheus, "alertmanager": "--web.listen-address=" + alertmanager} {
		if !slices.Contains(project.Services[name].Command, flag) {
			t.Errorf("%s lacks %s", name, flag)
		}
	}
	for name, variable := range map[string]string{"grafana": "GF_SERVER_HTTP_ADDR", "jaeger": "JAEGER_LISTEN_HOST"} {
		if value := project.Services[name].Environment[variable]; value == nil || *value != "127.0.0.1" {
			t.Errorf("%s: %s is %v", name, variable, value)
		}
	}
	for file, wants := range map[string][]string{
		"prometheus.yml":         {`targets: ["` + alertmanager + `"]`, `targets: ["127.0.0.1:8081"]`, "- alerts.yml"},
		"grafana-datasource.yml": {"url: http://" + prometheus, "type: prometheus"},
		"grafana-dashboards.yml": {"path: /var/lib/grafana/dashboards"},
		// The ports by which OTLP comes over HTTP and Jaeger and Grafana show.
		"README.md": {"RETAIL_ADMIN_ADDR=127.0.0.1:8081", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318", "<http://localhost:16686>", "<http://localhost:3000>"},
	} {
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(got), want) {
				t.Errorf("%s does not say %s", file, want)
			}
		}
	}
}
