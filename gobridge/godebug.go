package gobridge

import (
	"os"
	_ "unsafe" // for go:linkname
)

// What os.Setenv and os.Unsetenv tell the runtime and the C library, after they have changed what
// os.Getenv and child processes of Go see.
//
//go:linkname runtimeSetenv syscall.runtimeSetenv
func runtimeSetenv(key, value string)

//go:linkname runtimeUnsetenv syscall.runtimeUnsetenv
func runtimeUnsetenv(key string)

// addGodebug adds a setting to the runtime's GODEBUG, and returns what takes it away. os.Getenv and
// os.Environ do not see it, nor do processes that Go starts; only the C library's environment has it
// meanwhile.
func addGodebug(setting string) (restore func()) {
	if before := os.Getenv("GODEBUG"); before != "" {
		setting = before + "," + setting
	}
	runtimeSetenv("GODEBUG", setting)
	return func() {
		if now, set := os.LookupEnv("GODEBUG"); set {
			runtimeSetenv("GODEBUG", now)
		} else {
			runtimeUnsetenv("GODEBUG")
		}
	}
}
