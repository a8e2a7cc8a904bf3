package gobridge

import (
	"sync"
	"testing"
)

func TestRegistry(t *testing.T) {
	var r registry[string]
	a, b := r.add("a"), r.add("b")
	if a == 0 || b == 0 || a == b {
		t.Errorf("handles %d and %d", a, b)
	}
	if got, ok := r.get(a); !ok || got != "a" {
		t.Errorf("get: %q, %v", got, ok)
	}
	if got, ok := r.take(a); !ok || got != "a" {
		t.Errorf("take: %q, %v", got, ok)
	}
	if _, ok := r.get(a); ok {
		t.Error("a handle that was taken is still there")
	}
	if _, ok := r.take(a); ok {
		t.Error("a handle was taken twice")
	}
	if c := r.add("c"); c == a || c == b {
		t.Error("a handle was used again")
	}
	if r.len() != 2 {
		t.Errorf("%d entries", r.len())
	}
	if _, ok := r.get(0); ok {
		t.Error("handle 0 is something")
	}
}

func TestRegistryConcurrently(t *testing.T) {
	var r registry[int]
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 500 {
				handle := r.add(i)
				if got, ok := r.get(handle); !ok || got != i {
					t.Error("a handle is another's")
				}
				r.take(handle)
			}
		}()
	}
	all.Wait()
	if r.len() != 0 {
		t.Errorf("%d entries are left", r.len())
	}
}
