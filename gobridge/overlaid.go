package gobridge

// overlays names the changes of Go's own sources that this library was built with. flightrec's builds
// put another file in the place of this one, which also installs the hooks that they need; here, as
// in a plain go build, there are none.
var overlays []string
