package gobridge

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"testing"
)

// numbers returns the numbers of a window's generations; an active one is negative.
func numbers(w *window) (out []int) {
	for _, g := range w.generations {
		n := int(g.number)
		if !g.complete {
			n = -n
		}
		out = append(out, n)
	}
	return out
}

func mustAppend(t *testing.T, w *window, g *generation, nbytes int) (gone uint64) {
	t.Helper()
	for nbytes > 0 {
		n := min(nbytes, maxBatchBytes)
		dropped, err := w.append(g, bytes.Repeat([]byte{byte(g.number)}, n))
		if err != nil {
			t.Fatal(err)
		}
		gone = max(gone, dropped)
		nbytes -= n
	}
	return gone
}

func addComplete(t *testing.T, w *window, number uint64, nbytes int) (gone uint64) {
	t.Helper()
	g := w.begin(number)
	gone = mustAppend(t, w, g, nbytes)
	g.finish()
	return gone
}

// baseline returns a check that no native memory was lost on the way.
func baseline(t *testing.T) func() {
	blocks.trim()
	before := blocks.mappedBytes()
	return func() {
		t.Helper()
		blocks.trim()
		if now := blocks.mappedBytes(); now != before {
			t.Errorf("%d bytes are mapped, %d were before", now, before)
		}
	}
}

func TestWindowMakesRoom(t *testing.T) {
	defer baseline(t)()
	w := window{limit: 1000}
	for n := uint64(1); n <= 3; n++ {
		if gone := addComplete(t, &w, n, 300); gone != 0 {
			t.Errorf("generation %d went too early", gone)
		}
	}
	if gone := addComplete(t, &w, 4, 300); gone != 1 {
		t.Errorf("generation %d went, want 1", gone)
	}
	if gone := addComplete(t, &w, 5, 700); gone != 3 {
		t.Errorf("generations up to %d went, want 3", gone)
	}
	if got := fmt.Sprint(numbers(&w)); got != "[4 5]" {
		t.Errorf("the window has %s", got)
	}
	if w.bytes != 1000 || w.peak != 1000 {
		t.Errorf("%d bytes, peak %d", w.bytes, w.peak)
	}
	w.clear()
	if w.bytes != 0 {
		t.Errorf("%d bytes in an empty window", w.bytes)
	}
}

func TestWindowLosesWhatOutgrowsIt(t *testing.T) {
	defer baseline(t)()
	w := window{limit: 1000}
	addComplete(t, &w, 1, 300)
	g := w.begin(2)
	if gone := mustAppend(t, &w, g, 900); gone != 1 {
		t.Errorf("generations up to %d went, want 1", gone)
	}
	if gone := mustAppend(t, &w, g, 101); gone != 2 || !g.lost {
		t.Errorf("generations up to %d went, want 2", gone)
	}
	if w.bytes != 0 || len(g.blocks) != 0 {
		t.Errorf("%d bytes and %d blocks are left of it", w.bytes, len(g.blocks))
	}
	if gone := mustAppend(t, &w, g, 500); gone != 0 || w.bytes != 0 {
		t.Errorf("a lost generation grows: %d bytes, %d gone", w.bytes, gone)
	}
	if w.peak > w.limit {
		t.Errorf("peak %d", w.peak)
	}
	w.dropNewest()
	addComplete(t, &w, 3, 1000)
	if got := fmt.Sprint(numbers(&w)); got != "[3]" {
		t.Errorf("the window has %s", got)
	}
	w.clear()
}

func TestWindowWithoutLimit(t *testing.T) {
	defer baseline(t)()
	var w window
	for n := uint64(1); n <= 20; n++ {
		if gone := addComplete(t, &w, n, blockBytes+1); gone != 0 {
			t.Errorf("generation %d went", gone)
		}
	}
	w.clear()
}

func TestWindowRelease(t *testing.T) {
	defer baseline(t)()
	var w window
	for n := uint64(5); n <= 8; n++ {
		addComplete(t, &w, n, 100)
	}
	w.begin(9)
	for _, test := range []struct {
		upTo uint64
		want string
	}{{4, "[5 6 7 8 -9]"}, {6, "[7 8 -9]"}, {6, "[7 8 -9]"}, {100, "[-9]"}} {
		w.release(test.upTo)
		if got := fmt.Sprint(numbers(&w)); got != test.want {
			t.Errorf("after release(%d) the window has %s, want %s", test.upTo, got, test.want)
		}
	}
	if w.active() == nil {
		t.Error("the active generation was released")
	}
	w.clear()
}

func TestWindowPins(t *testing.T) {
	defer baseline(t)()
	var w window
	addComplete(t, &w, 1, 2*blockBytes)
	addComplete(t, &w, 2, 100)
	w.begin(3)
	if w.pin(3) != nil || w.pin(4) != nil {
		t.Error("an active or an unknown generation was pinned")
	}
	g := w.pin(1)
	if g == nil || w.pin(1) != g {
		t.Fatal("pins do not nest")
	}
	w.release(2)
	if w.pin(2) != nil {
		t.Error("a generation that left was pinned")
	}
	if w.pin(1) != g {
		t.Error("a pinned generation that left cannot be pinned again")
	}
	for i := range 3 {
		for _, b := range g.blocks {
			if b.memory[0] != 1 {
				t.Fatal("the pinned bytes are gone")
			}
		}
		if !w.unpin(1) {
			t.Fatalf("unpin %d failed", i)
		}
	}
	if w.unpin(1) || len(g.blocks) != 0 || len(w.pinned) != 0 {
		t.Error("the last unpin does not free the generation")
	}
	w.clear()
}

// TestWindowModel compares a window with a plain model over long runs of random calls.
func TestWindowModel(t *testing.T) {
	defer baseline(t)()
	for seed := range int64(50) {
		random := rand.New(rand.NewSource(seed))
		w := window{limit: uint64(random.Intn(3000))}
		next := uint64(1)
		pinned := map[uint64]int{}
		content := map[uint64]int{}
		for range 300 {
			switch random.Intn(5) {
			case 0, 1:
				if w.active() == nil {
					w.begin(next)
					next++
				}
				mustAppend(t, &w, w.active(), 1+random.Intn(400))
			case 2:
				if g := w.active(); g != nil {
					if g.lost {
						w.dropNewest()
					} else {
						g.finish()
						content[g.number] = int(g.bytes)
					}
				}
			case 3:
				w.release(next - uint64(random.Intn(6)) - 1)
			case 4:
				number := next - uint64(random.Intn(5))
				if random.Intn(2) == 0 {
					if w.pin(number) != nil {
						pinned[number]++
					}
				} else if w.unpin(number) != (pinned[number] > 0) {
					t.Fatalf("seed %d: unpin(%d) with %d pins", seed, number, pinned[number])
				} else if pinned[number] > 0 {
					pinned[number]--
				}
			}
			sum := uint64(0)
			for _, g := range w.generations {
				sum += g.bytes
			}
			if sum != w.bytes || w.limit != 0 && w.bytes > w.limit || w.peak < w.bytes {
				t.Fatalf("seed %d: %d bytes, really %d, limit %d, peak %d", seed, w.bytes, sum, w.limit, w.peak)
			}
			if got := numbers(&w); !slices.IsSortedFunc(got, func(a, b int) int { return abs(a) - abs(b) }) {
				t.Fatalf("seed %d: out of order: %v", seed, got)
			}
			for number, g := range w.pinned {
				used := 0
				for _, b := range g.blocks {
					used += b.used
					if b.used > 0 && b.memory[b.used-1] != byte(number) {
						t.Fatalf("seed %d: generation %d has another's bytes", seed, number)
					}
				}
				if used != content[number] {
					t.Fatalf("seed %d: generation %d has %d bytes of %d", seed, number, used, content[number])
				}
			}
		}
		for number, n := range pinned {
			for range n {
				w.unpin(number)
			}
		}
		w.clear()
	}
}

func abs(n int) int { return max(n, -n) }
