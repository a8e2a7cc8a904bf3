package gobridge

import (
	"sync"
	"testing"
)

func TestRegistry(t *testing.T) {
	var r registry[string]
	const a, b = 7, 1 << 63
	for number, value := range map[uint64]string{a: "a", b: "b"} {
		if got, added := r.keep(number, value); !added || got != value {
			t.Errorf("keep: %q, %v", got, added)
		}
	}
	if got, added := r.keep(a, "c"); added || got != "a" {
		t.Errorf("keep where there is an entry: %q, %v", got, added)
	}
	if got, ok := r.get(a); !ok || got != "a" {
		t.Errorf("get: %q, %v", got, ok)
	}
	if got, ok := r.take(a); !ok || got != "a" {
		t.Errorf("take: %q, %v", got, ok)
	}
	if _, ok := r.get(a); ok {
		t.Error("an entry that was taken is still there")
	}
	if _, ok := r.take(a); ok {
		t.Error("an entry was taken twice")
	}
	if r.len() != 1 {
		t.Errorf("%d entries", r.len())
	}
	if _, ok := r.get(0); ok {
		t.Error("number 0 is something")
	}
}

func TestRegistryConcurrently(t *testing.T) {
	var r registry[uint64]
	var all sync.WaitGroup
	for thread := range uint64(8) {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range uint64(500) {
				number := 500*thread + i
				r.keep(number, i)
				if got, ok := r.get(number); !ok || got != i {
					t.Error("an entry is another's")
				}
				r.take(number)
			}
		}()
	}
	all.Wait()
	if r.len() != 0 {
		t.Errorf("%d entries are left", r.len())
	}
}
