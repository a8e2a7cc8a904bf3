package gobridge

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// hog keeps the Ps of this process to goroutines that wake each other, and calls visit as the trace
// reader does: often enough to hide that from the scheduler's monitor.
func hog(t *testing.T, visit func()) {
	t.Helper()
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		ping, pong := make(chan struct{}), make(chan struct{})
		all.Add(2)
		go func() {
			defer all.Done()
			defer close(ping)
			for {
				select {
				case <-done:
					return
				case ping <- struct{}{}:
					<-pong
				}
			}
		}()
		go func() {
			defer all.Done()
			for range ping {
				visit()
				pong <- struct{}{}
			}
		}()
	}
	t.Cleanup(func() {
		close(done)
		all.Wait()
	})
}

func TestRotationTurnsOnEveryP(t *testing.T) {
	r := newRotation()
	var mu sync.Mutex
	seen := map[int]int{}
	hog(t, func() {
		mu.Lock() // as a session's Write does
		defer mu.Unlock()
		r.visit(monotonicNow())
		if p := currentP(); r.rotors[rotorsPerP*p].turning.Load() {
			seen[p]++
		}
	})
	deadline := time.Now().Add(time.Minute)
	for all := 0; all < runtime.GOMAXPROCS(0); {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute timers run on %v of %d Ps", seen, runtime.GOMAXPROCS(0))
		}
		time.Sleep(time.Millisecond)
		mu.Lock()
		all = len(seen)
		mu.Unlock()
	}
}

func TestRotationEnds(t *testing.T) {
	r := newRotation()
	busy := func() {
		for range 100 {
			r.visit(monotonicNow())
		}
	}
	turning := func() (n int) {
		for i := range r.rotors {
			if r.rotors[i].turning.Load() {
				n++
			}
		}
		return n
	}
	for now := uint64(2e9); now < 1e11; now += 2 * uint64(busyGap) {
		r.visit(now)
	}
	if turning() != 0 {
		t.Error("a slow trace has timers")
	}
	r.begin()
	busy()
	time.Sleep(2 * turnsAfter)
	if turning() == 0 {
		t.Error("no timer runs while an advance does")
	}
	r.end()
	for deadline := time.Now().Add(time.Minute); turning() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("after a minute without a chunk there are timers")
		}
	}
	busy()
	if turning() == 0 {
		t.Error("the next chunks start none again")
	}
}

func TestRotationMovesTheSharedQueue(t *testing.T) {
	r := newRotation()
	var mu sync.Mutex
	hog(t, func() {
		mu.Lock()
		defer mu.Unlock()
		r.visit(monotonicNow())
	})
	deadline := time.Now().Add(time.Minute)
	for last, passed := uint64(0), 0; passed < 10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in a minute %d goroutines passed through the shared queue", passed)
		}
		if now := r.queued.Load(); now != 0 && now != last {
			last = now
			passed++
		}
	}
}

func TestRotationMakesItsPLook(t *testing.T) {
	r := newRotation()
	r.queued.Store(1) // somebody has been in the shared queue since long ago
	defer r.queued.Store(0)
	deadline := time.Now().Add(time.Minute)
	for most := 0; most < turnsPerLook/4; {
		if time.Now().After(deadline) {
			t.Fatalf("in a minute no turn started more than %d goroutines", most)
		}
		r.busy.Store(monotonicNow())
		before := runtime.NumGoroutine()
		r.turn(&r.rotors[0])
		most = max(most, runtime.NumGoroutine()-before) // other Ps have taken some
	}
}
