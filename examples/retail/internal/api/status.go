package api

import (
	"net/http"
	"time"

	resil "github.com/resilgo/resil/runtime"
)

// status is what anybody may know about the state of the shop; the admin
// interface tells operators more.
type status struct {
	Level        resil.Level        `json:"level"`
	Since        time.Time          `json:"since"`
	Reason       string             `json:"reason,omitempty"`
	Score        float64            `json:"score"`
	Dependencies []dependencyStatus `json:"dependencies"`
}

type dependencyStatus struct {
	Name        string            `json:"name"`
	Criticality resil.Criticality `json:"criticality"`
	Up          bool              `json:"up"`
	Breaker     string            `json:"breaker"`
	Deferred    int               `json:"deferred_writes,omitempty"`
}

func (a *api) status(*http.Request) (answer, error) {
	now := a.sys.Status()
	s := status{Level: now.Level, Since: now.Since, Reason: now.Reason, Score: now.Score}
	for _, d := range now.Dependencies {
		s.Dependencies = append(s.Dependencies, dependencyStatus{
			Name: d.Name, Criticality: d.Criticality, Up: d.Up, Breaker: d.Breaker.String(), Deferred: d.Waiting,
		})
	}
	return ok(s), nil
}
