package resil

// What the external tests look into.
var ParseRetryAfter = parseRetryAfter
