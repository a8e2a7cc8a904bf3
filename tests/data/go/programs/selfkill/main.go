// Command selfkill says what it knows of itself before main, and ends itself by a signal in the way
// that its first argument names.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"
)

var verbose = flag.Bool("verbose", false, "say more")

// A package that reads its flags before main, as some do.
func init() {
	executable, err := os.Executable()
	if name := filepath.Base(os.Args[0]); name == "selfkill" {
		flag.Parse()
		fmt.Println("init", os.Args[1:], *verbose, flag.CommandLine.Name() == os.Args[0], executable, err)
	}
}

var ways = map[string]func() error{
	"return": func() error { return nil },
	"kill":   func() error { return syscall.Kill(os.Getpid(), syscall.SIGTERM) },
	"default": func() error { // as etcd does
		var action [4]uint64 // struct sigaction with SIG_DFL
		number := uintptr(syscall.SIGTERM)
		_, _, err := syscall.Syscall6(syscall.SYS_RT_SIGACTION, number, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
		if err != 0 {
			return err
		}
		return syscall.Kill(os.Getpid(), syscall.SIGTERM)
	},
	"kill 9": func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) },
	"group":  func() error { return syscall.Kill(0, syscall.SIGUSR2) },
	"process": func() error {
		process, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		return process.Signal(syscall.SIGTERM)
	},
	// What does not end the process.
	"blocked": func() error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		os.Exit(6)
		return nil
	},
	"nothing": func() error {
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGTERM)
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-caught
		signal.Ignore(syscall.SIGHUP)
		for _, sig := range []syscall.Signal{0, syscall.SIGHUP, syscall.SIGWINCH, syscall.SIGCHLD} {
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				return err
			}
		}
		fmt.Println("lives")
		os.Exit(5)
		return nil
	},
}

func main() {
	if len(os.Args) < 2 || ways[os.Args[1]] == nil {
		return
	}
	if err := ways[os.Args[1]](); err != nil {
		fmt.Println(err)
	}
	if os.Args[1] != "return" {
		time.Sleep(time.Minute)
	}
}
