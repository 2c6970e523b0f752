package resil

import "github.com/resilgo/resil/runtime/internal/reply"

// What the external tests look into.
var ParseRetryAfter = reply.ParseRetryAfter
