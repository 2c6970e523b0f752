package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	resil "github.com/resilgo/resil/runtime"
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

func ExampleWatch() {
	folder, err := os.MkdirTemp("", "resil")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder) //nolint:errcheck // an example's folder
	path := filepath.Join(folder, "resil.yaml")
	if err := os.WriteFile(path, []byte("dependencies: {db: {breaker: {failures: 3}}}\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	sys, err := resil.New(resil.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	sys.Dependency("db", resil.Read)
	watcher, err := config.Watch(path, sys, config.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer watcher.Close()
	fmt.Println(sys.Status().Dependencies[0].Limits.Breaker.Failures, watcher.Err())
	// Output: 3 <nil>
}
