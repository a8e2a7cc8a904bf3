// The path has no dot in its first element on purpose: the go command then never looks for it
// on a network, so nobody else's module can take its place. flightrec adds the replace line.
module flightrec/gobridge

go 1.22
