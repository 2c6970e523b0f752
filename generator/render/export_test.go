package render

// What tests compare with gofmt.
var (
	Loose  = loose
	Layout = layout
)
