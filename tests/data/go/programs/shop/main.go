// Command shop is an ordinary web server. It prints its address, and ends with its input. It knows
// nothing of flightrec.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	http.HandleFunc("/items/{id}", func(w http.ResponseWriter, r *http.Request) {
		took, _ := time.ParseDuration(r.URL.Query().Get("took"))
		time.Sleep(took)
		fmt.Fprintln(w, r.PathValue("id"))
	})
	http.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "broken", http.StatusServiceUnavailable)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() { panic(http.Serve(listener, nil)) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
