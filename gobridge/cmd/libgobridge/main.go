// Command libgobridge is flightrec's own shared library: the bridge and the bundled workloads.
package main

import _ "flightrec/gobridge/workloads"

func main() {}
