// Command answers is a web server. Its argument says what becomes of it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	listener, err := net.Listen("tcp", os.Getenv("ANSWERS_ADDRESS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(os.Stderr, "asked for", r.URL.Path)
		folder, _ := os.Getwd()
		fmt.Fprintln(w, folder)
	})
	http.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) {
		go panic("it was asked to")
		select {}
	})
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() { _ = http.Serve(listener, nil) }()
	fmt.Println("listening on", listener.Addr())
	for range terminated {
		if os.Args[1] != "deaf" {
			fmt.Println("bye")
			return
		}
		fmt.Println("deaf")
	}
}
