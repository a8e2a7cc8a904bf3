// Command calls is a c-shared package of somebody who has not heard of flightrec: C functions, and
// a main that is never called.
package main

import "C"

import (
	"context"
	"os"
	"runtime/trace"
	"sync"
)

// calls_sum adds up a list on as many goroutines.
//
//export calls_sum
func calls_sum(n C.int) C.long {
	var sum C.long
	var mu sync.Mutex
	var adders sync.WaitGroup
	for i := range n {
		adders.Add(1)
		go func() {
			defer adders.Done()
			mu.Lock()
			defer mu.Unlock()
			sum += C.long(i)
		}()
	}
	adders.Wait()
	trace.Log(context.Background(), "calls", "summed")
	return sum
}

//export calls_exit
func calls_exit(status C.int) { os.Exit(int(status)) }

//export calls_exit_twice
func calls_exit_twice(status C.int) {
	go os.Exit(int(status))
	os.Exit(int(status))
}

//export calls_panic
func calls_panic() { panic("called from C") }

//export calls_panic_elsewhere
func calls_panic_elsewhere() { go panic("on a goroutine") }

//export calls_unlock
func calls_unlock() { new(sync.Mutex).Unlock() }

func main() {}
