package gobridge

import (
	"os"
	"os/exec"
	"testing"
)

// The program's own environment, and that of its child processes, stay as they are.
func TestGodebugIsNotSeen(t *testing.T) {
	for _, before := range []string{"", "madvdontneed=1"} {
		t.Setenv("GODEBUG", before)
		restore := addGodebug("traceallocfree=1")
		if got := os.Getenv("GODEBUG"); got != before {
			t.Errorf("os.Getenv: %q, before %q", got, before)
		}
		if out, err := exec.Command("/bin/sh", "-c", "printf %s \"$GODEBUG\"").Output(); err != nil || string(out) != before {
			t.Errorf("in a child process: %q, before %q (%v)", out, before, err)
		}
		restore()
		if got := os.Getenv("GODEBUG"); got != before {
			t.Errorf("afterwards: %q, before %q", got, before)
		}
	}
}
