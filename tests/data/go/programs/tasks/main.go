// Command tasks runs many short tasks of runtime/trace, and for each line of its input one that is
// slow: it takes as long as the line says. It ends with its input. It knows nothing of flightrec.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime/trace"
	"time"
)

func main() {
	ctx, whole := trace.NewTask(context.Background(), "whole")
	defer whole.End()
	defer trace.StartRegion(ctx, "the whole region").End()
	go trace.WithRegion(ctx, "waiting for good", func() { select {} })
	go func() {
		for {
			_, short := trace.NewTask(ctx, "short")
			time.Sleep(100 * time.Microsecond)
			short.End()
		}
	}()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		took, err := time.ParseDuration(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		slow(ctx, took)
		fmt.Println("done")
	}
}

func slow(ctx context.Context, took time.Duration) {
	ctx, task := trace.NewTask(ctx, "request")
	defer task.End()
	trace.WithRegion(ctx, "sleeping", func() { time.Sleep(took) })
	trace.Log(ctx, "answer", "sent")
}
