// Command load asks a server for pages over keep-alive connections, and prints as JSON how long the
// requests took. Every so many requests one is for another, slow page.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

func main() {
	base := flag.String("base", "", "the server, as in http://127.0.0.1:8080")
	page := flag.String("page", "/status/200", "what is asked for")
	slow := flag.String("slow", "/delay/0.1", "what is asked for now and then")
	every := flag.Int("every", 1000, "one request in so many is for the slow page")
	requests := flag.Int("requests", 100_000, "how many")
	clients := flag.Int("clients", 8, "how many at a time")
	flag.Parse()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *clients}}
	took := make([][]time.Duration, *clients)
	failed := make([]int, *clients)
	began := time.Now()
	var wg sync.WaitGroup
	for c := range *clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := c; i < *requests; i += *clients {
				path := *page
				if i%*every == *every/2 {
					path = *slow
				}
				start := time.Now()
				if !get(client, *base+path) {
					failed[c]++
				}
				took[c] = append(took[c], time.Since(start))
			}
		}()
	}
	wg.Wait()
	seconds := time.Since(began).Seconds()
	all := slices.Concat(took...)
	slices.Sort(all)
	lost := 0
	for _, n := range failed {
		lost += n
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests":   len(all),
		"failed":     lost,
		"per_second": float64(len(all)) / seconds,
		"p50_ms":     quantile(all, 0.5),
		"p99_ms":     quantile(all, 0.99),
	})
}

func get(client *http.Client, url string) bool {
	response, err := client.Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return false
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusOK
}

func quantile(sorted []time.Duration, q float64) float64 {
	at := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[at]) / float64(time.Millisecond)
}
