// Command load asks a server for pages over keep-alive connections, and prints as JSON how long the
// requests took. Every so many requests one is for another, slow page.
//
// Without -rate, each client asks again as soon as it has its answer: as much as the machine can do.
// With it, requests begin at fixed times, and count from those, also where a client was late.
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
	"sync/atomic"
	"time"
)

func main() {
	base := flag.String("base", "", "the server, as in http://127.0.0.1:8080")
	page := flag.String("page", "/status/200", "what is asked for")
	slow := flag.String("slow", "/delay/0.1", "what is asked for now and then")
	every := flag.Int("every", 1000, "one request in so many is for the slow page")
	requests := flag.Int("requests", 100_000, "how many")
	clients := flag.Int("clients", 8, "how many at a time")
	rate := flag.Float64("rate", 0, "how many a second; 0 for as many as there can be")
	threshold := flag.Duration("threshold", 50*time.Millisecond, "what counts as slow")
	flag.Parse()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *clients}}
	took := make([][]time.Duration, *clients)
	var next atomic.Int64 // whoever is free makes the next request: none waits for a slow one
	failed, asked, late := make([]int, *clients), make([]int, *clients), make([]int, *clients)
	began := time.Now()
	var wg sync.WaitGroup
	for c := range *clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := int(next.Add(1)) - 1; i < *requests; i = int(next.Add(1)) - 1 {
				path := *page
				if i%*every == *every/2 {
					path = *slow
					asked[c]++
				}
				start := time.Now()
				due := start
				if *rate > 0 {
					due = began.Add(time.Duration(float64(i) / *rate * float64(time.Second)))
					time.Sleep(time.Until(due))
					start = time.Now()
				}
				if !get(client, *base+path) {
					failed[c]++
				}
				if time.Since(start) > *threshold {
					late[c]++
				}
				took[c] = append(took[c], time.Since(due))
			}
		}()
	}
	wg.Wait()
	seconds := time.Since(began).Seconds()
	all := slices.Concat(took...)
	slices.Sort(all)
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests":   len(all),
		"failed":     sum(failed),
		"asked_slow": sum(asked),
		"found_slow": sum(late),
		"per_second": float64(len(all)) / seconds,
		"mean_ms":    float64(sum(all)) / float64(len(all)) / float64(time.Millisecond),
		"p50_ms":     quantile(all, 0.5),
		"p90_ms":     quantile(all, 0.9),
		"p99_ms":     quantile(all, 0.99),
		"p99.8_ms":   quantile(all, 0.998),
	})
}

func sum[T int | time.Duration](numbers []T) T {
	var total T
	for _, n := range numbers {
		total += n
	}
	return total
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
