package gobridge

import (
	"context"
	"runtime/trace"
	"strings"
)

// threadCategory is that of the log messages which name Python's threads.
const threadCategory = "flightrec.thread"

// nameThreads puts the names of Python's threads into the active generation. A window does not reach
// back to the recording's start, so they must be in its end.
func nameThreads() {
	for _, line := range strings.Split(threadNames(), "\n") {
		if line != "" {
			trace.Log(context.Background(), threadCategory, line)
		}
	}
}
