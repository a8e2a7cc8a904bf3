// Command service tells prices over HTTP. Once in a while a request takes far too long.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"
)

type priceList struct {
	mu     sync.Mutex
	prices map[string]int
}

// price answers GET /price?of=tea.
func (l *priceList) price(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(w, l.prices[r.FormValue("of")])
}

// refresh asks the warehouse for new prices, with the list locked all the while.
func (l *priceList) refresh() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prices = askWarehouse()
}

func askWarehouse() map[string]int {
	time.Sleep(200 * time.Millisecond) // a slow database
	return map[string]int{"tea": 4, "coffee": 7}
}

func main() {
	address := flag.String("address", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	list := &priceList{}
	list.refresh()
	go func() {
		for range time.Tick(time.Second) {
			list.refresh()
		}
	}()
	http.HandleFunc("/price", list.price)
	log.Fatal(http.ListenAndServe(*address, nil))
}
