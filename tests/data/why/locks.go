package main

import (
	"context"
	"sync"
	"syscall"
	"time"
)

// slowRead reads from a pipe, in a system call, what is written to it late.
//
//go:noinline
func slowRead() {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		panic(err)
	}
	time.AfterFunc(slow, func() { _, _ = syscall.Write(ends[1], []byte("x")) })
	_, _ = syscall.Read(ends[0], make([]byte, 1))
	_ = syscall.Close(ends[0])
	_ = syscall.Close(ends[1])
}

type cache struct {
	mu     sync.Mutex
	locked chan struct{}
}

//go:noinline
func (c *cache) get() {
	c.mu.Lock()
	defer c.mu.Unlock()
}

//go:noinline
func (c *cache) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.locked)
	slowRead()
}

func mutexAcrossIO(context.Context) {
	c := &cache{locked: make(chan struct{})}
	requests(c.get)
	go c.refresh()
	<-c.locked
	request(func(context.Context) { c.get() })
}

type table struct {
	mu      sync.RWMutex
	reading chan struct{}
}

//go:noinline
func (t *table) lookup() {
	t.mu.RLock()
	defer t.mu.RUnlock()
}

//go:noinline
func (t *table) update() {
	t.mu.Lock()
	defer t.mu.Unlock()
}

//go:noinline
func (t *table) scan() {
	t.mu.RLock()
	defer t.mu.RUnlock()
	close(t.reading)
	time.Sleep(slow)
}

// rwMutex: a reader holds on, a writer waits for it, and so every new reader waits for the writer.
func rwMutex(context.Context) {
	t := &table{reading: make(chan struct{})}
	requests(t.lookup)
	go t.scan()
	<-t.reading
	go t.update()
	time.Sleep(10 * time.Millisecond)
	request(func(context.Context) { t.lookup() })
}

// nestedLocks: the request waits for a lock whose holder waits for another one.
func nestedLocks(context.Context) {
	var outer, inner sync.Mutex
	take := func() {
		outer.Lock()
		defer outer.Unlock()
	}
	requests(take)
	held := make(chan struct{})
	go holdInner(&inner, held)
	<-held
	waiting := make(chan struct{})
	go holdOuter(&outer, &inner, waiting)
	<-waiting
	request(func(context.Context) { take() })
}

//go:noinline
func holdInner(inner *sync.Mutex, held chan struct{}) {
	inner.Lock()
	defer inner.Unlock()
	close(held)
	time.Sleep(slow)
}

//go:noinline
func holdOuter(outer, inner *sync.Mutex, waiting chan struct{}) {
	outer.Lock()
	defer outer.Unlock()
	close(waiting)
	inner.Lock()
	defer inner.Unlock()
}

// once: the first request initialises, the second one waits for that.
func once(context.Context) {
	var ready sync.Once
	requests(func() {})
	begun := make(chan struct{})
	go ready.Do(func() {
		close(begun)
		initialise()
	})
	<-begun
	request(func(context.Context) { ready.Do(initialise) })
}

//go:noinline
func initialise() { time.Sleep(slow) }

func cond(context.Context) {
	var mu sync.Mutex
	ready := sync.NewCond(&mu)
	full := false
	requests(func() {})
	go produce(ready, &full)
	request(func(context.Context) {
		mu.Lock()
		defer mu.Unlock()
		for !full {
			ready.Wait()
		}
	})
}

//go:noinline
func produce(ready *sync.Cond, full *bool) {
	time.Sleep(slow)
	ready.L.Lock()
	*full = true
	ready.L.Unlock()
	ready.Broadcast()
}

func waitGroup(context.Context) {
	requests(func() {
		var all sync.WaitGroup
		for range 4 {
			all.Add(1)
			go fetch(&all, 0)
		}
		all.Wait()
	})
	request(func(context.Context) {
		var all sync.WaitGroup
		for range 3 {
			all.Add(1)
			go fetch(&all, 20*time.Millisecond)
		}
		all.Add(1)
		go fetchSlowest(&all)
		all.Wait()
	})
}

//go:noinline
func fetch(all *sync.WaitGroup, took time.Duration) {
	defer all.Done()
	time.Sleep(took)
}

//go:noinline
func fetchSlowest(all *sync.WaitGroup) {
	defer all.Done()
	time.Sleep(slow)
}

// convoy: a lock that many take in turn, each for a little.
func convoy(context.Context) {
	var mu sync.Mutex
	requests(func() { hold(&mu, 0) })
	for range 12 {
		go hold(&mu, slow/12)
		time.Sleep(time.Millisecond)
	}
	request(func(context.Context) { hold(&mu, 0) })
}

//go:noinline
func hold(mu *sync.Mutex, took time.Duration) {
	mu.Lock()
	defer mu.Unlock()
	time.Sleep(took)
}

// writer: a writer waits for one of several readers.
func writer(context.Context) {
	t := &table{reading: make(chan struct{})}
	requests(t.update)
	go t.scan()
	<-t.reading
	request(func(context.Context) { t.update() })
}
