//go:build go1.25

package traces

import (
	"context"
	"encoding/json"
	"os"
	"runtime/trace"

	"flightrec/gobridge"
)

var flight = trace.NewFlightRecorder(trace.FlightRecorderConfig{})

func init() {
	gobridge.Register("flight_start", func(context.Context, json.RawMessage) (any, error) { return nil, flight.Start() })
	gobridge.Register("flight_stop", func(context.Context, json.RawMessage) (any, error) { flight.Stop(); return nil, nil })
	gobridge.RegisterWith("flight_write", "WriteTo", func(_ context.Context, args pathArgs) (int64, error) {
		made, err := os.Create(args.Path)
		if err != nil {
			return 0, err
		}
		defer made.Close()
		return flight.WriteTo(made)
	})
}
