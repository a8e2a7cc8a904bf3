package main

/*
#include <time.h>

static void linger(long ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    while (nanosleep(&t, &t) != 0) {
    }
}

static void call(void *function) {
    ((void (*)(void))function)();
}
*/
import "C"

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("network", func(_ context.Context, args json.RawMessage) (any, error) {
		var options struct{ Address string }
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
		requests(func() { ask(options.Address, "quick") })
		request(func(context.Context) { ask(options.Address, "slow") })
		return nil, nil
	})
	gobridge.Register("work_for_python", func(context.Context, json.RawMessage) (any, error) {
		workForPython()
		return nil, nil
	})
	gobridge.Register("call_python", func(_ context.Context, args json.RawMessage) (any, error) {
		var options struct{ Function uint64 }
		if err := json.Unmarshal(args, &options); err != nil {
			return nil, err
		}
		requests(func() {})
		request(func(context.Context) { callPython(options.Function) })
		return nil, nil
	})
}

// callPython calls a function pointer that Python has made.
//
//go:noinline
func callPython(function uint64) { C.call(*(*unsafe.Pointer)(unsafe.Pointer(&function))) }

//go:noinline
func workForPython() { time.Sleep(slow) }

// ask asks a peer that is not part of this Go runtime.
//
//go:noinline
func ask(address, what string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(what))
	awaitAnswer(conn)
}

//go:noinline
func awaitAnswer(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }

func cgo(context.Context) {
	requests(func() {})
	request(func(context.Context) { callC() })
}

//go:noinline
func callC() { C.linger(C.long(slow)) }

func inTemporary(work func(folder string)) {
	folder, err := os.MkdirTemp("", "why")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	work(folder)
}

// fileIO: the request writes and syncs a file, over and over.
func fileIO(context.Context) {
	inTemporary(func(folder string) {
		requests(func() {})
		request(func(context.Context) { writeFile(filepath.Join(folder, "data")) })
	})
}

//go:noinline
func writeFile(path string) {
	file, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	data := make([]byte, 1<<20)
	for begin := time.Now(); time.Since(begin) < slow; {
		_, _ = file.WriteAt(data, 0)
		_ = file.Sync()
	}
}

// fileLock: the request locks a file that another one has locked.
func fileLock(context.Context) {
	inTemporary(func(folder string) {
		path := filepath.Join(folder, "lock")
		first, err := os.Create(path)
		if err != nil {
			panic(err)
		}
		defer first.Close()
		requests(func() {})
		_ = syscall.Flock(int(first.Fd()), syscall.LOCK_EX)
		time.AfterFunc(slow, func() { _ = syscall.Flock(int(first.Fd()), syscall.LOCK_UN) })
		request(func(context.Context) { lockFile(path) })
	})
}

//go:noinline
func lockFile(path string) {
	second, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer second.Close()
	_ = syscall.Flock(int(second.Fd()), syscall.LOCK_EX)
}
