// Command app uses what an ordinary program uses: a dependency, an embedded file, flags, standard
// streams, the environment, goroutines and an exit status.
package main

import (
	"bufio"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"

	"example.com/greet"
)

//go:embed embedded.txt
var embedded string

func main() {
	status := flag.Int("status", 0, "exit status")
	flag.Parse()
	fmt.Println(greet.Hello(strings.Join(flag.Args(), ",")), os.Getenv("APP_SETTING"), embedded)
	lines := make(chan string)
	var counters sync.WaitGroup
	total := make([]int, 2)
	for i := range total {
		counters.Add(1)
		go func() {
			defer counters.Done()
			for line := range lines {
				total[i] += len(line)
			}
		}()
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		lines <- input.Text()
	}
	close(lines)
	counters.Wait()
	fmt.Fprintln(os.Stderr, total[0]+total[1], "letters")
	os.Exit(*status)
}
