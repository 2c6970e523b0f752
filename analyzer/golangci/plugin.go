// Package golangci is resilvet as a module plugin of golangci-lint v2.
package golangci

import (
	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"
)

func init() { register.Plugin("resilvet", New) }

// New makes the plugin from the settings under linters.settings.custom.resilvet.settings.
func New(any) (register.LinterPlugin, error) { return plugin{}, nil }

type plugin struct{}

// BuildAnalyzers returns the rules of resilvet.
func (plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) { return nil, nil }

// GetLoadMode asks for type information.
func (plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
