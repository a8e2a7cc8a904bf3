//go:build flightrec_reference && go1.25

// Package reference registers what flightrec is measured against and compared with: Go's own
// flight recorder, a tracer whose data go nowhere, and measuring tools, all as workloads that
// Python calls by name. It is for benchmarks and differential tests only; the build tag keeps it
// out of every library that is shipped.
package reference
