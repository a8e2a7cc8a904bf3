package gobridge

import "sync"

// A registry hands out handles: small numbers, never Go pointers, that are not used again. It is safe
// for concurrent use.
type registry[T any] struct {
	mu      sync.Mutex
	last    uint64
	entries map[uint64]T
}

func (r *registry[T]) add(value T) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries = make(map[uint64]T)
	}
	r.last++
	r.entries[r.last] = value
	return r.last
}

func (r *registry[T]) get(handle uint64) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok = r.entries[handle]
	return value, ok
}

// take removes an entry and returns it.
func (r *registry[T]) take(handle uint64) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok = r.entries[handle]
	delete(r.entries, handle)
	return value, ok
}

func (r *registry[T]) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries)
}
