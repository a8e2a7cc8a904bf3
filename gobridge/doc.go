// Package gobridge is the Go half of flightrec: it records the execution trace of the runtime it
// runs in and hands it to Python. Build it into any package main with -buildmode=c-shared
// (flightrec build does so without a change to the package). include/gobridge.h is the contract
// between the two halves.
//
// Go code needs nothing of it, but may Register functions that Python can call by name.
package gobridge
