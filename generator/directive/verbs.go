package directive

import "slices"

// VerbDoc describes one verb completely: what the parser accepts, what
// `resilgen help VERB` prints and what the reference says.
type VerbDoc struct {
	Verb    Verb
	Usage   string // after the prefix: "timeout DURATION [total=DURATION]"
	Summary string // one sentence
	Text    string // more, in paragraphs; may be ""
	On      []TargetKind
	Keys    []KeyDoc
	Example string // declarations of a Go file that use it; they compile
}

// KeyDoc describes one key, or one bare word, of a verb.
type KeyDoc struct {
	Key      string // as written before "="; "" for a bare word
	Word     string // what a bare word stands for: "NAME"; "" for a key
	Value    string // what stands behind "=", with its unit: "N", "DURATION", "SHARE"
	Range    string // allowed values
	Default  string // "" = required, or no default
	Text     string
	Example  string // as it could stand in a line: "failures=5"
	Required bool
}

// Verbs returns the whole grammar as data, in the order of the reference. The
// result is the caller's.
func Verbs() []VerbDoc { return slices.Clone(grammar) }

// lookup returns the description of a verb, nil if there is none.
func lookup(v Verb) *VerbDoc {
	for i := range grammar {
		if grammar[i].Verb == v {
			return &grammar[i]
		}
	}
	return nil
}

func isVerb(word string) bool { return lookup(Verb(word)) != nil }

func verbNames() []string {
	names := make([]string, len(grammar))
	for i, v := range grammar {
		names[i] = string(v.Verb)
	}
	return names
}

// key returns the description of a key of the verb, nil if there is none.
func (v *VerbDoc) key(name string) *KeyDoc {
	for i := range v.Keys {
		if k := &v.Keys[i]; k.Key == name && k.Word == "" {
			return k
		}
	}
	return nil
}

func (v *VerbDoc) keyNames() []string {
	var names []string
	for _, k := range v.Keys {
		if k.Word == "" {
			names = append(names, k.Key+"=")
		}
	}
	return names
}

var (
	onInterface = []TargetKind{OnInterface}
	onBoth      = []TargetKind{OnInterface, OnMethod}
	onCode      = []TargetKind{OnFunc, OnMethod, OnLine}
)

const (
	durationRange = "more than 0s, at most 24h"
	countRange    = "1 to 1000000"
	shareRange    = "more than 0, at most 1"
)

// patternKey is the argument of a mark on an interface.
var patternKey = KeyDoc{
	Word: "METHODS", Value: "NAME,GLOB*", Range: "names of methods of the interface, embedded ones included; * stands for any characters, ? for one",
	Text:    "On an interface only: the methods it marks. A pattern that matches nothing is an error. An exact name beats a glob, a method's own line beats both.",
	Example: "Get,List*",
}

// probeKey is the argument of health on an interface.
var probeKey = KeyDoc{
	Word: "METHOD", Value: "NAME", Range: "the name of a method of the interface, embedded ones included", Example: "Ping",
	Text: "On an interface only: the method that is the probe.",
}

var limitKey = KeyDoc{
	Key: "limit", Value: "N", Range: countRange, Default: "100", Example: "limit=100",
	Text: "Fallbacks of a method that run at once. Above it the caller gets the original error, so that an outage does not become a stampede on what stands in.",
}

var grammar = []VerbDoc{
	{
		Verb: VerbGuard, Usage: "guard NAME [criticality=critical|high|medium|low] [down=LEVEL]", On: onInterface,
		Summary: "Wrap this interface as dependency NAME.",
		Text:    "Required; without it no other line on the interface means anything. Several interfaces may share a NAME and then share breaker, bulkhead, rate and health: what one leaves out it inherits from the other, two different stated values contradict. That holds for all packages of a module that `./...` in its root finds, whichever of them `resilgen` is run for.",
		Keys: []KeyDoc{
			{
				Word: "NAME", Range: "lower-case letters, digits, - _ and . , starting with a letter, at most 100 of them", Required: true, Example: "openai",
				Text: "The dependency, as metrics, reports and configuration call it.",
			},
			{
				Key: "criticality", Value: "WORD", Range: "critical, high, medium, low", Default: "medium", Example: "criticality=high",
				Text: "How much the service needs it. Weighs 4, 3, 2, 1 in the health score.",
			},
			{
				Key: "down", Value: "LEVEL", Range: "optimal, degraded, limited, minimal, emergency", Example: "down=limited",
				Default: "by criticality: critical minimal, high limited, medium degraded, low optimal",
				Text:    "The level the system enters while NAME is down.",
			},
		},
		Example: `import "context"

// Prices suggests prices.
//
//resil:guard openai criticality=high
type Prices interface {
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbBreaker, Usage: "breaker [failures=N] [ratio=SHARE min=N] [window=DURATION] [slow=DURATION slowratio=SHARE] [open=DURATION] [probes=N/M]", On: onInterface,
		Summary: "Stop calling a dependency that keeps failing.",
		Text:    "Any trip rule that is given may trip it: failures in a row, a ratio of failures, a ratio of slow calls. An open breaker lets probes through after open=; it closes at N good of M probes. A guard without this line has a breaker too, with the defaults. The window of a ratio is at least as long as the longest timeout of the dependency, and its rate limit lets min= calls into it.",
		Keys: []KeyDoc{
			{
				Key: "failures", Value: "N", Range: countRange, Default: "5 if no trip rule is named, else no such rule", Example: "failures=5",
				Text: "Failures in a row that trip it.",
			},
			{
				Key: "ratio", Value: "SHARE", Range: shareRange, Default: "no such rule", Example: "ratio=0.5",
				Text: "Share of failed calls in the window that trips it.",
			},
			{
				Key: "min", Value: "N", Range: countRange, Default: "20", Example: "min=20",
				Text: "Calls in the window before a ratio may trip it. Needs ratio= or slow=, here or on another interface of the NAME.",
			},
			{
				Key: "window", Value: "DURATION", Range: durationRange, Default: "10s, or 4 × timeout if that is longer", Example: "window=10s",
				Text: "Rolling window of both ratios.",
			},
			{
				Key: "slow", Value: "DURATION", Range: durationRange, Default: "no such rule", Example: "slow=2s",
				Text: "A call longer than this is slow.",
			},
			{
				Key: "slowratio", Value: "SHARE", Range: shareRange, Default: "0.5", Example: "slowratio=0.5",
				Text: "Share of slow calls in the window that trips it. Needs slow=.",
			},
			{
				Key: "open", Value: "DURATION", Range: durationRange, Default: "30s", Example: "open=30s",
				Text: "How long it stays open before it probes, ±10 % jitter.",
			},
			{
				Key: "probes", Value: "N/M", Range: "1 <= N <= M <= 100", Default: "2/3", Example: "probes=2/3",
				Text: "Half-open lets M probes through and closes at N good ones.",
			},
		},
		Example: `import "context"

//resil:guard openai
//resil:breaker failures=5 ratio=0.5 min=20 window=10s slow=2s slowratio=0.5 open=60s probes=2/3
type Prices interface {
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbTimeout, Usage: "timeout DURATION [total=DURATION]", On: onBoth,
		Summary: "Bound one attempt, and all of them together.",
		Text:    "Needs a context parameter. None is invented: resilgen notes each method without one. Attempts × timeout plus the longest waits between them must fit in total. Of results that outlive the call, io.ReadCloser, *http.Response and *sql.Rows are bounded until the method returns and then live on the caller's context; others can have no timeout.",
		Keys: []KeyDoc{
			{Word: "DURATION", Range: durationRange, Required: true, Text: "Of one attempt, queueing for the bulkhead included.", Example: "2s"},
			{Key: "total", Value: "DURATION", Range: "timeout to 24h", Default: "none", Text: "Of all attempts and the waits between them.", Example: "total=5s"},
		},
		Example: `import "context"

//resil:guard openai
//resil:timeout 2s total=5s
type Prices interface {
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbRetry, Usage: "retry attempts=N [backoff=DURATION..DURATION] [budget=SHARE]", On: onBoth,
		Summary: "Repeat a failed call.",
		Text:    "Only for methods marked read or idempotent whose parameters can be sent twice. Waits double from the first duration of backoff up to the second, each drawn from zero to that bound (full jitter). It stops at an open breaker, and no attempt starts that the remaining time cannot hold.",
		Keys: []KeyDoc{
			{Key: "attempts", Value: "N", Range: "1 to 100", Required: true, Text: "At most this many calls, the first included. 1 switches an interface's retry off for a method.", Example: "attempts=3"},
			{Key: "backoff", Value: "DURATION..DURATION", Range: durationRange + ", shorter first", Default: "50ms..2s", Text: "Bounds of the first and of every wait.", Example: "backoff=50ms..2s"},
			{Key: "budget", Value: "SHARE", Range: shareRange, Default: "0.2", Text: "Share of calls that may be retries.", Example: "budget=0.2"},
		},
		Example: `import "context"

//resil:guard openai
//resil:timeout 1s
//resil:retry attempts=3 backoff=50ms..2s budget=0.2
//resil:read Suggest
type Prices interface {
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbBulkhead, Usage: "bulkhead max=N [wait=DURATION]", On: onBoth,
		Summary: "Bound the calls that run at once.",
		Text:    "On an interface the limit is shared by all methods of the dependency; on a method it is a further limit inside the shared one.",
		Keys: []KeyDoc{
			{Key: "max", Value: "N", Range: countRange, Required: true, Text: "Calls at once.", Example: "max=20"},
			{Key: "wait", Value: "DURATION", Range: "0s to 24h", Default: "0s", Text: "How long a call may queue for a place.", Example: "wait=100ms"},
		},
		Example: `import "context"

//resil:guard openai
//resil:bulkhead max=20 wait=100ms
type Prices interface {
	// Describe is slow, so few may run.
	//
	//resil:bulkhead max=4
	Describe(ctx context.Context, sku string) (string, error)
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbRate, Usage: "rate N/s|N/m|N/h [burst=N]", On: onBoth,
		Summary: "Bound the attempts started per second, minute or hour.",
		Text:    "On an interface the limit is shared by all methods of the dependency; on a method it is a further limit inside the shared one.",
		Keys: []KeyDoc{
			{Word: "N/s", Range: countRange + " per s, m or h", Required: true, Text: "Attempts per second (/s), minute (/m) or hour (/h).", Example: "50/s"},
			{Key: "burst", Value: "N", Range: countRange, Default: "one second's worth, at least 1", Text: "Attempts that may start at once.", Example: "burst=10"},
		},
		Example: `import "context"

//resil:guard openai
//resil:rate 50/s burst=10
type Prices interface {
	//resil:rate 3000/h
	Describe(ctx context.Context, sku string) (string, error)
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbHedge, Usage: "hedge after=DURATION [max=N]", On: onBoth,
		Summary: "Start an extra attempt when the first one is slow.",
		Text:    "Only for methods with a context that are marked read or idempotent and whose parameters can be sent twice. The first answer wins; the others are cancelled and count for nothing.",
		Keys: []KeyDoc{
			{Key: "after", Value: "DURATION", Range: durationRange, Required: true, Text: "Wait before each extra attempt.", Example: "after=200ms"},
			{Key: "max", Value: "N", Range: "1 to 10", Default: "1", Text: "Extra attempts at once.", Example: "max=1"},
		},
		Example: `import "context"

//resil:guard openai
//resil:timeout 1s
type Prices interface {
	//resil:read
	//resil:hedge after=200ms max=1
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbErrors, Usage: "errors [ignore=ERR,ERR] [failure=ERR,ERR]", On: onBoth,
		Summary: "Say which errors are answers and which are failures.",
		Text:    "A variable is matched with errors.Is, a type with errors.As. Names are looked up in the package, through an import of any of its files (a blank one is enough), or as full/import/path.Name. Known answers such as sql.ErrNoRows, redis.Nil, gRPC NotFound and HTTP 4xx need no line.",
		Keys: []KeyDoc{
			{Key: "ignore", Value: "ERR,ERR", Range: "error values and types", Default: "none", Text: "The dependency answered: success for the breaker, no retry, no fallback.", Example: "ignore=ErrNotFound"},
			{Key: "failure", Value: "ERR,ERR", Range: "error values and types", Default: "none", Text: "Counts as a failure although it looks like an answer. Adds, never narrows.", Example: "failure=ErrCorrupt"},
		},
		Example: `import (
	"context"
	"errors"
)

// Errors of the price service.
var (
	ErrUnknownSKU = errors.New("unknown SKU")
	ErrNoModel    = errors.New("no model loaded")
)

//resil:guard openai
//resil:errors ignore=ErrUnknownSKU,io.EOF failure=ErrNoModel
type Prices interface {
	Suggest(ctx context.Context, sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbFallback, Usage: "fallback STRATEGY [limit=N]", On: onBoth,
		Summary: "Answer some other way when the dependency does not.",
		Text: "Several lines are tried in order. STRATEGY is one of\n\n" +
			"    call=Func         a function of the method's parameters and results,\n" +
			"                      with an optional last parameter error: the cause\n" +
			"    call=.Method      a method of the XFallback interface that resilgen writes\n" +
			"                      and the constructor takes\n" +
			"    stale=DURATION    the last good answer of the same key\n" +
			"    zero              zero results and no error\n" +
			"    outbox            store the arguments durably, replay the call when the\n" +
			"                      dependency is back\n\n" +
			"A fallback never runs for a cancelled caller or an ignored error. It runs on the caller's context, bounded by an attempt timeout of its own.",
		Keys: []KeyDoc{
			{Key: "call", Value: "FUNC|.METHOD", Range: "a function of the package or an imported one; .Name for a method", Text: "Call it instead.", Example: "call=BasicPrice"},
			{Key: "stale", Value: "DURATION", Range: durationRange, Text: "How old an answer may be. Results that share memory are copied. An answer that is an error, such as not found, forgets the one kept.", Example: "stale=10m"},
			{Key: "max", Value: "N", Range: countRange, Default: "1000", Text: "Answers kept; with stale= only.", Example: "max=1000"},
			{Key: "key", Value: "FUNC|shared", Range: "a function of the method's parameters with one comparable result", Text: "What tells answers apart; with stale= only. The word shared is your statement that nothing in the context alters the answer; then all other parameters are the key and must be scalars or strings.", Example: "key=PriceKey"},
			{Word: "zero", Text: "Zero results and no error.", Example: "zero"},
			{Word: "outbox", Text: "For methods whose only result is error and whose arguments can be encoded as JSON, of interfaces without type parameters. Delivery is at least once.", Example: "outbox"},
			{Word: "shared", Text: "The same as key=shared.", Example: "shared"},
			limitKey,
		},
		Example: `import "context"

//resil:guard openai
type Prices interface {
	//resil:read
	//resil:fallback stale=10m max=500 shared
	//resil:fallback call=BasicPrice limit=50
	Suggest(ctx context.Context, sku string) (int64, error)

	//resil:read
	//resil:fallback call=.Describe
	//resil:fallback zero
	Describe(ctx context.Context, sku string) (string, error)

	//resil:write
	//resil:fallback outbox
	Report(ctx context.Context, sku string, sold int) error
}

// BasicPrice stands in for Suggest.
func BasicPrice(ctx context.Context, sku string, cause error) (int64, error) {
	return 100, nil
}
`,
	},
	{
		Verb: VerbDegrade, Usage: "degrade LEVEL=ACTION…", On: onBoth,
		Summary: "Say what a method does at each level of the system.",
		Text: "Actions from mildest to strictest; strictness never falls as levels worsen.\n\n" +
			"    call       call the client, all policies on\n" +
			"    once       call it once: no retry, no hedge\n" +
			"    stale      the cached answer if there is one, else call\n" +
			"    fallback   the fallback, never the client\n" +
			"    shed       neither: the caller gets ErrShed\n\n" +
			"Levels not named take the stricter of their default and the nearest better level's action. Defaults: call up to limited. At minimal, reads call; writes fall back where an outbox or a function stands in, else they are shed. In emergency, fallback where there is one, else shed; essential methods call.",
		Keys: []KeyDoc{
			{Key: "optimal", Value: "ACTION", Range: actionRange, Default: "call", Example: "optimal=call"},
			{Key: "degraded", Value: "ACTION", Range: actionRange, Default: "call", Example: "degraded=once"},
			{Key: "limited", Value: "ACTION", Range: actionRange, Default: "call", Example: "limited=stale"},
			{Key: "minimal", Value: "ACTION", Range: actionRange, Default: "call; writes fallback or shed", Example: "minimal=fallback"},
			{Key: "emergency", Value: "ACTION", Range: actionRange, Default: "fallback or shed; essential methods call", Example: "emergency=shed"},
		},
		Example: `import "context"

//resil:guard openai
type Prices interface {
	//resil:read
	//resil:fallback call=BasicPrice
	//resil:degrade degraded=once limited=fallback emergency=shed
	Suggest(ctx context.Context, sku string) (int64, error)
}

// BasicPrice stands in for Suggest.
func BasicPrice(ctx context.Context, sku string) (int64, error) { return 100, nil }
`,
	},
	{
		Verb: VerbRead, Usage: "read [METHODS]", On: onBoth,
		Summary: "The method changes nothing at the dependency.",
		Text:    "It may be retried and hedged, and is still called at minimal. METHODS stands on an interface, nothing on a method.",
		Keys:    []KeyDoc{patternKey},
		Example: `import "context"

//resil:guard items
//resil:read Get,List*
type Items interface {
	Get(ctx context.Context, sku string) (int64, error)
	ListAll(ctx context.Context) ([]string, error)

	//resil:read
	Count(ctx context.Context) (int, error)
}
`,
	},
	{
		Verb: VerbWrite, Usage: "write [METHODS]", On: onBoth,
		Summary: "The method changes something at the dependency.",
		Text:    "It is not retried unless marked idempotent too, and not called at minimal. METHODS stands on an interface, nothing on a method.",
		Keys:    []KeyDoc{patternKey},
		Example: `import "context"

//resil:guard items
//resil:write Put
type Items interface {
	Put(ctx context.Context, sku string, stock int) error
}
`,
	},
	{
		Verb: VerbIdempotent, Usage: "idempotent [METHODS]", On: onBoth,
		Summary: "The method may be called twice with the effect of once.",
		Text:    "Retry and hedge then apply to it although it writes. METHODS stands on an interface, nothing on a method.",
		Keys:    []KeyDoc{patternKey},
		Example: `import "context"

//resil:guard items
//resil:retry attempts=2
type Items interface {
	//resil:write
	//resil:idempotent
	Put(ctx context.Context, sku string, stock int) error
}
`,
	},
	{
		Verb: VerbEssential, Usage: "essential [METHODS]", On: onBoth,
		Summary: "The method is still called in emergency.",
		Text:    "METHODS stands on an interface, nothing on a method.",
		Keys:    []KeyDoc{patternKey},
		Example: `import "context"

//resil:guard items
type Items interface {
	//resil:read
	//resil:essential
	Status(ctx context.Context) (string, error)
}
`,
	},
	{
		Verb: VerbHealth, Usage: "health [METHOD]", On: onBoth,
		Summary: "The method is the probe of the dependency.",
		Text:    "It takes a context, returns an error and nothing else matters. The runtime calls it every 5 s, past the breaker. One per interface. METHOD stands on an interface, nothing on a method.",
		Keys:    []KeyDoc{probeKey},
		Example: `import "context"

//resil:guard items
type Items interface {
	//resil:read
	//resil:health
	Ping(ctx context.Context) error
}
`,
	},
	{
		Verb: VerbPlain, Usage: "plain [METHODS] REASON", On: onBoth,
		Summary: "Forward the method untouched.",
		Text:    "REASON is the rest of the line and appears in every report. METHODS stands on an interface, not on a method. Methods without an error result, and Close and Shutdown with at most a context, are plain by themselves.",
		Keys: []KeyDoc{
			patternKey,
			{Word: "REASON", Range: "the rest of the line", Required: true, Text: "Why it needs no guard.", Example: "only builds a pipeline"},
		},
		Example: `import (
	"context"
	"database/sql"
)

//resil:guard items
//resil:plain QueryRow its error appears in Scan
type Items interface {
	QueryRow(ctx context.Context, query string) *sql.Row
	Exec(ctx context.Context, query string) error

	//resil:plain answers from memory
	Cached(sku string) (int64, error)
}
`,
	},
	{
		Verb: VerbGuarded, Usage: "guarded REASON", On: onCode,
		Summary: "Tell resilvet that the calls here are protected another way.",
		Text:    "On a function, or on or right above the line of the call. No rule reports what lies there, except those about directives and generated files. REASON is the rest of the line and appears in the coverage report.",
		Keys: []KeyDoc{
			{Word: "REASON", Range: "the rest of the line", Required: true, Text: "What protects it.", Example: "the sidecar breaks the circuit"},
		},
		Example: `import "net/http"

func fetch(url string) (*http.Response, error) {
	return http.Get(url) //resil:guarded the sidecar breaks the circuit
}
`,
	},
	{
		Verb: VerbOutbound, Usage: "outbound NAME", On: onCode,
		Summary: "Tell resilvet that this function is an outbound primitive.",
		Text:    "Calls of it then count as calls that leave the process and need a guard.",
		Keys: []KeyDoc{
			{Word: "NAME", Range: "lower-case letters, digits, - _ and . , starting with a letter, at most 100 of them", Required: true, Text: "What it reaches, as reports call it.", Example: "mainframe"},
		},
		Example: `// Send writes to the mainframe's line.
//
//resil:outbound mainframe
func Send(message []byte) error { return nil }
`,
	},
}

const actionRange = "call, once, stale, fallback, shed"

// alsoCalled holds what other tools call a key, for messages.
var alsoCalled = map[Verb]map[string]string{
	VerbGuard:    {"level": "down", "importance": "criticality", "priority": "criticality"},
	VerbBreaker:  {"threshold": "failures", "errors": "failures", "halfopen": "probes", "interval": "window", "cooldown": "open", "reset": "open"},
	VerbTimeout:  {"max": "total", "overall": "total", "deadline": "total"},
	VerbRetry:    {"retries": "attempts", "tries": "attempts", "max": "attempts", "times": "attempts", "delay": "backoff", "wait": "backoff"},
	VerbBulkhead: {"limit": "max", "size": "max", "concurrency": "max", "queue": "wait", "timeout": "wait"},
	VerbRate:     {"size": "burst", "max": "burst"},
	VerbHedge:    {"delay": "after", "wait": "after", "attempts": "max"},
	VerbErrors:   {"success": "ignore", "answer": "ignore", "fail": "failure"},
	VerbFallback: {"ttl": "stale", "cache": "stale", "func": "call", "function": "call", "size": "max", "concurrency": "limit"},
}

// alsoCalledVerb holds what other tools call a verb, for messages.
var alsoCalledVerb = map[string]Verb{
	"dependency": VerbGuard, "circuit": VerbBreaker, "deadline": VerbTimeout, "concurrency": VerbBulkhead, "semaphore": VerbBulkhead,
	"limit": VerbRate, "throttle": VerbRate, "cache": VerbFallback, "level": VerbDegrade, "probe": VerbHealth, "ping": VerbHealth, "skip": VerbPlain,
}
