package metrics_test

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/metrics"
)

func ExampleNew() {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.New(sys))

	prices := sys.Dependency("prices", resil.Read)
	_, err = resil.Do(context.Background(), prices, func(context.Context) (int, error) { return 42, nil })
	if err != nil {
		fmt.Println(err)
	}

	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
	}
	for _, family := range families {
		if family.GetName() != metrics.Calls {
			continue
		}
		for _, series := range family.GetMetric() {
			if n := series.GetCounter().GetValue(); n > 0 {
				fmt.Println(series.GetLabel()[2].GetValue(), n)
			}
		}
	}
	// Output: success 1
}
