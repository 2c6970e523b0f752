package admin

// ServeListener is Serve on a listener of the test's.
var ServeListener = serveListener
