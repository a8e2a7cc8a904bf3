package main

import (
	"context"
	"io"
	"time"
)

// slowReceiver: an unbuffered channel whose receiver once does something else for long.
func slowReceiver(context.Context) {
	work := make(chan int)
	go receive(work)
	requests(func() { work <- 0 })
	work <- 1
	request(func(context.Context) { work <- 0 })
	close(work)
}

//go:noinline
func receive(work chan int) {
	for item := range work {
		if item == 1 {
			handleLongItem()
		}
	}
}

//go:noinline
func handleLongItem() { time.Sleep(slow) }

// slowSender: what the request waits for is sent late, by one that computes first.
func slowSender(context.Context) {
	answers := make(chan int)
	requests(func() {
		go func() { answers <- 1 }()
		<-answers
	})
	request(func(context.Context) {
		go compute(answers)
		<-answers
	})
}

//go:noinline
func compute(answers chan int) { answers <- spin(slow) }

// pool: of two places both are taken, by work that takes long.
func pool(context.Context) {
	places := make(chan struct{}, 2)
	use := func() {
		places <- struct{}{}
		<-places
	}
	requests(use)
	for range cap(places) {
		taken := make(chan struct{})
		go occupy(places, taken)
		<-taken
	}
	request(func(context.Context) { use() })
}

//go:noinline
func occupy(places, taken chan struct{}) {
	places <- struct{}{}
	close(taken)
	time.Sleep(slow)
	<-places
}

// selects: of two channels one answers, late.
func selects(context.Context) {
	answers, never := make(chan int), make(chan int)
	wait := func() {
		select {
		case <-answers:
		case <-never:
		}
	}
	requests(func() {
		go func() { answers <- 1 }()
		wait()
	})
	request(func(context.Context) {
		go answerLate(answers)
		wait()
	})
}

//go:noinline
func answerLate(answers chan int) {
	time.Sleep(slow)
	answers <- 1
}

// chain: a pipeline of which only the first stage is slow.
func chain(context.Context) {
	first, second, third := make(chan int), make(chan int), make(chan int)
	go stage(first, second)
	go stage(second, third)
	requests(func() {
		go func() { first <- 1 }()
		<-third
	})
	request(func(context.Context) {
		go beginLate(first)
		<-third
	})
	close(first)
}

//go:noinline
func stage(in, out chan int) {
	for item := range in {
		out <- item
	}
	close(out)
}

//go:noinline
func beginLate(first chan int) {
	time.Sleep(slow)
	first <- 1
}

// ioPipe: an io.Pipe whose writer is late.
func ioPipe(context.Context) {
	transfer := func(write func(io.Writer)) {
		r, w := io.Pipe()
		go write(w)
		_, _ = r.Read(make([]byte, 1))
	}
	requests(func() { transfer(func(w io.Writer) { _, _ = w.Write([]byte("x")) }) })
	request(func(context.Context) { transfer(writeLate) })
}

//go:noinline
func writeLate(w io.Writer) {
	time.Sleep(slow)
	_, _ = w.Write([]byte("x"))
}
