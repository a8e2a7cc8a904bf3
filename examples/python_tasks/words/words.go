// Package words counts words. Python calls it by name: runtime.run("count_words", text=…).
package words

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("count_words", func(_ context.Context, args json.RawMessage) (any, error) {
		var request struct{ Text string }
		if err := json.Unmarshal(args, &request); err != nil {
			return nil, err
		}
		return Count(request.Text), nil
	})
}

// Count counts the words of each line on a goroutine of its own.
func Count(text string) map[string]int {
	counts := map[string]int{}
	var mu sync.Mutex
	var counters sync.WaitGroup
	for _, line := range strings.Split(text, "\n") {
		counters.Add(1)
		go func() {
			defer counters.Done()
			for _, word := range strings.Fields(line) {
				mu.Lock()
				counts[strings.ToLower(word)]++
				mu.Unlock()
			}
		}()
	}
	counters.Wait()
	return counts
}
