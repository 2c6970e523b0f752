package model

import (
	"strings"
	"testing"
)

// What interfaces of one dependency state may be right alone and impossible
// together.
func TestMergeRefusesWhatCannotWorkTogether(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"a window shorter than the timeout", `
//resil:guard db
//resil:breaker ratio=0.5 window=2s
//resil:timeout 3s
type A interface{ Get(ctx context.Context) error }
`, "shop.go:6:27: breaker of dependency db: window=2s is shorter than the timeout of 3s: calls would end outside the window they began in; want at least 4 × timeout"},
		{"the timeout is another interface's", `
//resil:guard db
//resil:breaker slow=1s window=2s
type A interface{ Get(ctx context.Context) error }

//resil:guard db
//resil:breaker open=5s
type B interface {
	//resil:timeout 3s
	Get(ctx context.Context) error
}
`, "shop.go:6:25: breaker of dependency db: window=2s is shorter than the timeout of 3s: calls would end outside the window they began in; want at least 4 × timeout"},
		{"a rate that never fills the window", `
//resil:guard db
//resil:breaker ratio=0.5
//resil:rate 1/m
type A interface{ Get(ctx context.Context) error }
`, "shop.go:6:1: breaker of dependency db: min=20 can never be reached: the rate limit lets 1 calls into a window of 10s; want a longer window= or a smaller min="},
		{"failures in a row have no window", `
//resil:guard db
//resil:breaker failures=5 window=2s
//resil:timeout 3s
//resil:rate 1/m
type A interface{ Get(ctx context.Context) error }
`, ""},
		{"a minimum without a ratio", `
//resil:guard db
//resil:breaker min=3 slowratio=0.2
type A interface{ Get(ctx context.Context) error }
`, "shop.go:6:17: breaker of dependency db: min= needs ratio= or slow=\nshop.go:6:23: breaker of dependency db: slowratio= needs slow="},
		{"a minimum whose ratio is another interface's", `
//resil:guard db
//resil:breaker min=3 slowratio=0.2
type A interface{ Get(ctx context.Context) error }

//resil:guard db
//resil:breaker slow=1s
type B interface{ Get(ctx context.Context) error }
`, ""},
		{"defaults always fit", `
//resil:guard db
//resil:breaker ratio=0.5
//resil:timeout 30s
//resil:rate 1/s
type A interface{ Get(ctx context.Context) error }
`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			deps, problems := Merge([]*Package{mustBuild(t, "package shop\n\nimport \"context\"\n"+tt.src)})
			problems = append(problems, Incomplete(deps)...)
			if got := strings.Join(lines(problems), "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
