// Command search asks three replicas and takes the first answer, for each line of a list.
package main

import (
	"fmt"
	"math/rand"
	"time"
)

func main() {
	for query := range 100 {
		answer := first(query)
		if query == 99 {
			fmt.Println("last answer:", answer)
		}
	}
}

// first returns the answer of the quickest replica.
func first(query int) string {
	answers := make(chan string) // nobody takes the second and the third answer
	for replica := range 3 {
		go func() { answers <- ask(replica, query) }()
	}
	return <-answers
}

func ask(replica, query int) string {
	time.Sleep(time.Duration(rand.Intn(1000)) * time.Microsecond)
	return fmt.Sprintf("replica %d on %d", replica, query)
}
