//go:build flightrec_reference && go1.25

// Command benchlib is the library that bench/ loads: the bundled one, and the reference twin.
package main

import (
	_ "flightrec/gobridge/reference"
	_ "flightrec/gobridge/workloads"
)

func main() {}
