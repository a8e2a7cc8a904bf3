// Command leaves has workloads for the tests of how processes end.
package main

import (
	"context"
	"encoding/json"
	"os"

	"flightrec/gobridge"
	_ "flightrec/gobridge/workloads"
)

func init() {
	gobridge.Register("exit", func(context.Context, json.RawMessage) (any, error) { os.Exit(7); return nil, nil })
}

func main() {}
