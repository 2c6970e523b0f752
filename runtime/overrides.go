package resil

// Overrides change policies of a running system; package config reads them
// from YAML. Everything not stated keeps what code and directives say.
type Overrides struct {
	Disabled     bool // kill switch: all policies off, fallbacks kept
	Dependencies map[string]DependencyOverride
}

// DependencyOverride overrides one dependency. Method policies given here are
// defaults for its methods that have such a policy or can have one; Methods
// wins over them.
type DependencyOverride struct {
	Disabled    bool        // policies of this dependency off, fallbacks kept
	Criticality Criticality // 0 = not stated
	Down        Level       // 0 = not stated
	Breaker     *Breaker    // fields not stated keep their value
	Bulkhead    *Bulkhead   // the shared one
	Rate        *Rate       // the shared one
	Timeout     *Timeout
	Retry       *Retry
	Hedge       *Hedge
	Methods     map[string]MethodOverride
}

// MethodOverride overrides one method.
type MethodOverride struct {
	Timeout  *Timeout
	Retry    *Retry
	Bulkhead *Bulkhead
	Rate     *Rate
	Hedge    *Hedge
	Levels   Actions // 0 = not stated
}
