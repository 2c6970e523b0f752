package config_test

import (
	"fmt"

	"github.com/resilgo/resil/runtime/config"
)

func ExampleParse() {
	overrides, err := config.Parse("resil.yaml", []byte("dependencies: {db: {breaker: {failures: 3, open: 10s}}}"))
	fmt.Println(overrides.Dependencies["db"].Breaker.Failures, err)

	_, err = config.Parse("resil.yaml", []byte("dependencies: {db: {braker: {}}}"))
	for _, problem := range config.Problems(err) {
		fmt.Println(problem.Line, problem.Column, problem.Message[:47])
	}
	// Output:
	// 3 <nil>
	// 1 21 unknown key "braker" (did you mean "breaker"?);
}
