//go:build !windows

package gobridge

import "syscall"

// signalIsDefault says whether nothing handles or ignores a signal. The overlay own-signals sets it.
var signalIsDefault func(sig uint32) bool

// beforeKill is called before the program sends a signal. One to the program itself that nothing
// handles ends the process, as os.Exit does, with the status that a shell gives it.
func beforeKill(pid int, sig syscall.Signal) {
	self := pid == syscall.Getpid() || pid == 0 || pid < -1 && -pid == syscall.Getpgrp()
	if !self || !endsByDefault(sig) || !signalIsDefault(uint32(sig)) {
		return
	}
	depart(newsExit, 128+int(sig))
	// If it is blocked, the process goes on, and nobody waits for a departure any more.
	departuresWatched.Store(false)
	departing.Store(nil)
}

func endsByDefault(sig syscall.Signal) bool {
	switch sig {
	case 0, syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN,
		syscall.SIGTTOU, syscall.SIGURG, syscall.SIGWINCH:
		return false
	}
	return true
}
