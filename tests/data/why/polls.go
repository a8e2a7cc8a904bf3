package main

import (
	"context"
	"net"
	"os"
	"syscall"
	"time"
)

// pipe: the request reads from a pipe that is written to late.
func pipe(context.Context) {
	reader, writer := openPipe()
	defer reader.Close()
	defer writer.Close()
	requests(func() {})
	time.AfterFunc(slow, func() { _, _ = writer.Write([]byte("x")) })
	request(func(context.Context) { readPipe(reader) })
}

//go:noinline
func readPipe(reader *os.File) { _, _ = reader.Read(make([]byte, 1)) }

// fullPipe: the request writes more to a pipe than fits in, and it is read late.
func fullPipe(context.Context) {
	reader, writer := openPipe()
	defer reader.Close()
	defer writer.Close()
	requests(func() {})
	data := make([]byte, 1<<20)
	time.AfterFunc(slow, func() {
		for left := len(data); left > 0; {
			n, err := reader.Read(make([]byte, len(data)))
			if err != nil {
				return
			}
			left -= n
		}
	})
	request(func(context.Context) { fillPipe(writer, data) })
}

//go:noinline
func fillPipe(writer *os.File, data []byte) { _, _ = writer.Write(data) }

func openPipe() (*os.File, *os.File) {
	reader, writer, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	return reader, writer
}

// dial: the request dials a peer that takes no more connections, until its timeout.
func dial(context.Context) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	defer syscall.Close(fd)
	address := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, address); err != nil {
		panic(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		panic(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		panic(err)
	}
	peer := net.TCPAddr{IP: address.Addr[:], Port: bound.(*syscall.SockaddrInet4).Port}
	first, err := net.Dial("tcp", peer.String())
	if err != nil {
		panic(err)
	}
	defer first.Close()
	requests(func() {})
	request(func(context.Context) { dialInVain(peer.String()) })
}

//go:noinline
func dialInVain(address string) {
	if conn, err := net.DialTimeout("tcp", address, slow); err == nil {
		conn.Close()
	}
}

// accept: the request waits for a client, which comes late.
func accept(context.Context) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	requests(func() {})
	time.AfterFunc(slow, func() {
		if conn, err := net.Dial("tcp", listener.Addr().String()); err == nil {
			conn.Close()
		}
	})
	request(func(context.Context) { awaitClient(listener) })
}

//go:noinline
func awaitClient(listener net.Listener) {
	if conn, err := listener.Accept(); err == nil {
		conn.Close()
	}
}
