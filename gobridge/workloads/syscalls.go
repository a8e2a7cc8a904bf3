package workloads

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

type syscallsArgs struct {
	Common
	Goroutines int `json:"goroutines" default:"4" min:"1" help:"that read and write a file each"`
	BlockBytes int `json:"block_bytes" default:"4096" min:"1" help:"of a read or write"`
}

type syscallsResult struct {
	Operations int64 `json:"operations"`
}

// syscalls writes and reads back temporary files.
func syscalls(ctx context.Context, args syscallsArgs) (syscallsResult, error) {
	var operations atomic.Int64
	failures := make([]error, args.Goroutines)
	var all sync.WaitGroup
	for i := range args.Goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			n, err := readAndWrite(ctx, args.BlockBytes)
			operations.Add(n)
			failures[i] = err
		}()
	}
	all.Wait()
	return syscallsResult{operations.Load()}, errors.Join(failures...)
}

func readAndWrite(ctx context.Context, blockBytes int) (operations int64, err error) {
	file, err := os.CreateTemp("", "flightrec-syscalls-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block := make([]byte, blockBytes)
	for ctx.Err() == nil {
		if _, err := file.WriteAt(block, 0); err != nil {
			return operations, err
		}
		if _, err := file.ReadAt(block, 0); err != nil && err != io.EOF {
			return operations, err
		}
		operations += 2
	}
	return operations, nil
}
