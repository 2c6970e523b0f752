package catalog

import "testing"

func TestTableParses(t *testing.T) {
	rows, err := parse(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Effect == Counted && r.Why == "" {
			t.Errorf("catalog.table:%d: counted without why=", r.Line)
		}
		if r.Path != Normalize(r.Path) {
			t.Errorf("catalog.table:%d: path %s holds a major version; want %s", r.Line, r.Path, Normalize(r.Path))
		}
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"github.com/sony/gobreaker":                "github.com/sony/gobreaker",
		"github.com/sony/gobreaker/v2":             "github.com/sony/gobreaker",
		"github.com/jackc/pgx/v5/pgxpool":          "github.com/jackc/pgx/pgxpool",
		"example.com/app/vendor/github.com/x/y/v3": "github.com/x/y",
		"vendor/golang.org/x/net/http2":            "golang.org/x/net/http2",
		"gopkg.in/gomail.v2":                       "gopkg.in/gomail",
		"github.com/aws/aws-sdk-go-v2/service/s3":  "github.com/aws/aws-sdk-go-v2/service/s3",
		"github.com/nats-io/nats.go":               "github.com/nats-io/nats.go",
		"net/http":                                 "net/http",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
	}
}
