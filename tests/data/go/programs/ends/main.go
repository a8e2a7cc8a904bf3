// Command ends is an ordinary program: it lives in the way, and comes to the end, that its first
// argument names. Nothing in it knows of a flight recorder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"sync"
	"syscall"
)

func init() {
	if len(os.Args) > 0 && os.Getenv("EXIT_IN_INIT") != "" {
		os.Exit(9)
	}
}

var ways = map[string]func(){
	// Ordinary ends.
	"return":         func() { fmt.Println("it returns") },
	"exit":           func() { last(); os.Exit(7) },
	"exit elsewhere": func() { go func() { last(); os.Exit(8) }(); select {} },
	"exit at once":   func() { os.Exit(3) },
	"exit twice":     func() { go os.Exit(6); os.Exit(6) },
	"log.Fatal":      func() { last(); log.SetFlags(0); log.Fatal("it cannot go on") },
	"goexit":         func() { go func() { fmt.Println("others go on"); last(); os.Exit(4) }(); runtime.Goexit() },
	"leftover":       func() { panicAfterMain() },

	// Crashes.
	"panic":            func() { last(); panic("in main") },
	"panic elsewhere":  func() { go func() { last(); panic("elsewhere") }(); select {} },
	"panic with error": func() { last(); panic(fmt.Errorf("wrapped: %w", errors.New("cause"))) },
	"panic in panic":   func() { defer func() { last(); panic("second") }(); panic("first") },
	"panic with locks": func() { last(); panicWithLocks() },
	"nil pointer":      func() { last(); fmt.Println(*none) },
	"nil elsewhere":    func() { go func() { last(); fmt.Println(*none) }(); select {} },
	"unlock":           func() { last(); new(sync.Mutex).Unlock() },
	"map writes":       func() { last(); writeMap() },
	"stack overflow":   func() { last(); debug.SetMaxStack(1 << 20); fmt.Println(overflow(0)) },

	// Lives.
	"forever": func() { last(); fmt.Println("ready"); select {} },
	"notify":  notify,
	"dump":    func() { last(); fmt.Println("ready"); _, _ = fmt.Scanln(); fmt.Println("done") },
	"much output": func() {
		line := make([]byte, 1<<16)
		for range 512 {
			os.Stdout.Write(line)
		}
	},
	"yes": func() {
		last()
		for {
			fmt.Println("y")
		}
	},
	"traces":      traces,
	"stops trace": func() { last(); trace.Stop(); os.Exit(5) },
	"chdir":       func() { last(); fmt.Println(os.Chdir("/")) },
	"itself":      func() { fmt.Println(itself("exit"), itself("panic"), itself("killed")) },
	"killed":      func() { syscall.Kill(os.Getpid(), syscall.SIGINT); select {} },
	"name":        func() { fmt.Println(os.Args[0], os.Args[1:]) },
	"child":       func() { out, err := exec.Command("echo", "from a child").Output(); fmt.Println(string(out), err) },
}

func main() {
	way, known := ways[os.Args[1]]
	if !known {
		panic(os.Args[1])
	}
	way()
}

// last puts into the trace what a snapshot should have.
func last() { trace.Log(context.Background(), "last", "words") }

var none *int

func panicWithLocks() {
	var mu sync.Mutex
	mu.Lock()
	go mu.Lock()
	panic("with a lock")
}

func writeMap() {
	m := map[int]int{}
	for range 4 {
		go func() {
			for i := 0; ; i++ {
				m[i%100] = i
			}
		}()
	}
	select {}
}

//go:noinline
func overflow(n int) int { return overflow(n+1) + 1 }

func notify() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	fmt.Println("ready")
	fmt.Println("got", <-signals)
	last()
	os.Exit(5)
}

// panicAfterMain leaves goroutines that panic as soon as main has returned.
func panicAfterMain() {
	for range 4 {
		go func() {
			for !returned() {
				runtime.Gosched()
			}
			panic("main is over")
		}()
	}
}

// returned says whether no goroutine is in main.main.
func returned() bool {
	stacks := make([]runtime.StackRecord, 100)
	n, _ := runtime.GoroutineProfile(stacks)
	for _, record := range stacks[:n] {
		frames := runtime.CallersFrames(record.Stack())
		for more := true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); frame.Function == "main.main" {
				return false
			}
		}
	}
	return true
}

func traces() {
	if err := trace.Start(io.Discard); err != nil {
		fmt.Println(err)
	}
	last()
	os.Exit(5)
}

// itself runs the program once more, and returns how that ends.
func itself(way string) error {
	command := exec.Command(os.Args[0], way)
	command.Dir = "/"
	return command.Run()
}
