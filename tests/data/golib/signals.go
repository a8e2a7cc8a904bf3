package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("child_mask", childMask)
	gobridge.Register("exec_mask", func(context.Context, json.RawMessage) (any, error) {
		return nil, syscall.Exec("/bin/grep", []string{"grep", "SigBlk", "/proc/self/status"}, os.Environ())
	})
	gobridge.Register("failed_exec", func(context.Context, json.RawMessage) (any, error) {
		return syscall.Exec("/nonexistent", []string{"x"}, nil) != nil, nil
	})
	gobridge.Register("notify", notify)
	gobridge.Register("listen", func(ctx context.Context, _ json.RawMessage) (any, error) {
		came := make(chan os.Signal, 1)
		signal.Notify(came, syscall.SIGUSR1)
		defer signal.Stop(came)
		<-ctx.Done()
		return nil, nil
	})
	gobridge.Register("ignore", func(context.Context, json.RawMessage) (any, error) {
		signal.Ignore(syscall.SIGTERM)
		return nil, syscall.Kill(os.Getpid(), syscall.SIGTERM)
	})
	gobridge.Register("reset", func(context.Context, json.RawMessage) (any, error) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
		signal.Reset(syscall.SIGTERM)
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return nil, err
		}
		select {}
	})
}

// childMask returns the signals that a child process has blocked, as /proc says it.
func childMask(context.Context, json.RawMessage) (any, error) {
	out, err := exec.Command("grep", "SigBlk", "/proc/self/status").Output()
	return string(out), err
}

// notify sends itself signals and counts those that os/signal delivers.
func notify(context.Context, json.RawMessage) (any, error) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(came)
	for i := range 20 {
		sig := []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2}[i%2]
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			return nil, err
		}
		select {
		case got := <-came:
			if got != sig {
				return nil, errors.New("the other signal came")
			}
		case <-time.After(time.Minute):
			return nil, errors.New("no signal came")
		}
	}
	return 20, nil
}
