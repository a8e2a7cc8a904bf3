package gobridge

import (
	"bytes"
	"sync"
	"testing"
)

func TestBlockPoolReuses(t *testing.T) {
	var pool blockPool
	a, err := pool.get()
	if err != nil {
		t.Fatal(err)
	}
	if len(a.memory) != blockBytes || pool.mappedBytes() != blockBytes {
		t.Errorf("a block of %d bytes, %d mapped", len(a.memory), pool.mappedBytes())
	}
	a.used = 10
	pool.put(a)
	if pool.mappedBytes() != blockBytes {
		t.Errorf("an idle block is not counted: %d", pool.mappedBytes())
	}
	b, _ := pool.get()
	if b != a || b.used != 0 {
		t.Error("an idle block is not used again, or not empty")
	}
	pool.put(b)
	pool.trim()
	if pool.mappedBytes() != 0 {
		t.Errorf("%d bytes are mapped after trim", pool.mappedBytes())
	}
}

func TestBlockPoolIsBounded(t *testing.T) {
	var pool blockPool
	var taken []*block
	for range 3 * pooledBlocks {
		b, err := pool.get()
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, b)
	}
	for _, b := range taken {
		pool.put(b)
	}
	if got := pool.mappedBytes(); got != pooledBlocks*blockBytes {
		t.Errorf("%d bytes idle, want %d", got, pooledBlocks*blockBytes)
	}
	pool.trim()
}

func TestBlockPoolShrink(t *testing.T) {
	var pool blockPool
	for _, used := range []int{0, 1, 4096, 4097, blockBytes / 2, blockBytes/2 + 1, blockBytes} {
		b, err := pool.get()
		if err != nil {
			t.Fatal(err)
		}
		content := bytes.Repeat([]byte{'x'}, used)
		b.used = copy(b.memory, content)
		small := pool.shrink(b)
		if !bytes.Equal(small.memory[:small.used], content) {
			t.Errorf("of %d bytes %d are left", used, small.used)
		}
		if used <= blockBytes/2 && len(small.memory) > max(2*used, 4096) {
			t.Errorf("%d bytes are in a block of %d", used, len(small.memory))
		}
		pool.put(small)
	}
	pool.trim()
	if pool.mappedBytes() != 0 {
		t.Errorf("%d bytes are mapped in the end", pool.mappedBytes())
	}
}

func TestBlockPoolConcurrently(t *testing.T) {
	var pool blockPool
	var all sync.WaitGroup
	for worker := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 200 {
				b, err := pool.get()
				if err != nil {
					t.Error(err)
					return
				}
				b.memory[0], b.memory[len(b.memory)-1] = byte(worker), byte(worker)
				b.used = 1
				b = pool.shrink(b)
				if b.memory[0] != byte(worker) {
					t.Error("two have one block")
				}
				pool.put(b)
			}
		}()
	}
	all.Wait()
	pool.trim()
	if pool.mappedBytes() != 0 {
		t.Errorf("%d bytes are mapped in the end", pool.mappedBytes())
	}
}
