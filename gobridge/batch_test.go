package gobridge

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// testBatch builds a batch. experiment < 0 makes an ordinary one.
func testBatch(generation, time uint64, experiment int, payload []byte) []byte {
	b := []byte{evEventBatch}
	if experiment >= 0 {
		b = []byte{evExperimentalBatch, byte(experiment)}
	}
	for _, v := range []uint64{generation, 7, time, uint64(len(payload))} {
		b = binary.AppendUvarint(b, v)
	}
	return append(b, payload...)
}

// testFrequency is an EvFrequency event.
func testFrequency(perSecond uint64) []byte {
	return binary.AppendUvarint([]byte{evFrequency}, perSecond)
}

func TestParseBatch(t *testing.T) {
	for _, experiment := range []int{-1, 0, 1, 255} {
		for _, generation := range []uint64{1, 127, 128, 1<<64 - 1} {
			payload := bytes.Repeat([]byte{9}, int(generation%300))
			b := testBatch(generation, generation/2, experiment, payload)
			h, err := parseBatch(b)
			if err != nil {
				t.Fatalf("parseBatch(%x): %v", b, err)
			}
			want := batchHeader{generation: generation, time: generation / 2, payload: len(b) - len(payload)}
			if h != want {
				t.Errorf("parseBatch(%x) = %+v, want %+v", b, h, want)
			}
		}
	}
}

func TestParseBatchRefuses(t *testing.T) {
	largest := testBatch(3, 4, -1, make([]byte, maxBatchBytes))
	if _, err := parseBatch(largest); err != nil {
		t.Errorf("the largest batch is refused: %v", err)
	}
	overflow := append([]byte{evEventBatch}, bytes.Repeat([]byte{0xff}, 11)...)
	for _, test := range []struct {
		name       string
		chunk      []byte
		text       string
		offset     int64
		generation uint64
	}{
		{"type", []byte{2}, "expected batch event, got event 2", 0, 0},
		{"nothing but a type", []byte{evEventBatch}, "reading batch generation: the batch ends", 1, 0},
		{"no experiment", []byte{evExperimentalBatch}, "reading batch generation: the batch ends", 1, 0},
		{"overflow", overflow, "reading batch generation: it overflows", 1, 0},
		{"generation 0", testBatch(0, 1, -1, nil), "invalid generation number 0", 1, 0},
		{"too large", testBatch(3, 4, -1, make([]byte, maxBatchBytes+1)), "invalid batch size 65537", 7, 3},
		{"incomplete", testBatch(3, 4, -1, []byte("abc"))[:6], "it has 1 bytes of 3", 6, 3},
		{"trailing", append(testBatch(3, 4, -1, []byte("abc")), 1, 2), "2 trailing bytes", 8, 3},
	} {
		_, err := parseBatch(test.chunk)
		if err == nil {
			t.Errorf("%s: accepted", test.name)
			continue
		}
		if !strings.Contains(err.text, test.text) || err.offset != test.offset || err.generation != test.generation {
			t.Errorf("%s: got %+v, want %q at %d in generation %d", test.name, *err, test.text, test.offset, test.generation)
		}
	}
}

func TestFrequencyIn(t *testing.T) {
	for _, test := range []struct {
		payload    []byte
		experiment int
		want       uint64
	}{
		{testFrequency(15_625_000), -1, 15_625_000},
		{append([]byte{evSync}, testFrequency(15_625_000)...), -1, 15_625_000},
		{append([]byte{5}, testFrequency(1)...), -1, 0},
		{testFrequency(5), 1, 0},
		{[]byte{evSync}, -1, 0},
		{[]byte{evFrequency}, -1, 0},
		{[]byte{evFrequency, 0x80}, -1, 0},
		{nil, -1, 0},
	} {
		b := testBatch(1, 1, test.experiment, test.payload)
		h, err := parseBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := frequencyIn(b, h.payload); got != test.want {
			t.Errorf("frequencyIn(%x) = %d, want %d", b, got, test.want)
		}
	}
}

func TestHeaderVersion(t *testing.T) {
	for header, want := range map[string]int{
		"go 1.22 trace\x00\x00\x00": 22,
		"go 1.26 trace\x00\x00\x00": 26,
		"go 1.26 trace\x00\x00X":    0,
		"go 1.26 traceXXX":          0,
		"go 1.+6 trace\x00\x00\x00": 0,
		"go 1. 6 trace\x00\x00\x00": 0,
		"go 2.26 trace\x00\x00\x00": 0,
		"0123456789abcdef":          0,
	} {
		if got := traceHeader([]byte(header)).version(); got != want {
			t.Errorf("the version of %q is %d, want %d", header, got, want)
		}
	}
}

// FuzzParseBatch has a batch that is neither refused at a place inside it nor exactly as long as it
// says as its only failure.
func FuzzParseBatch(f *testing.F) {
	f.Add(testBatch(1, 2, -1, testFrequency(3)))
	f.Add(testBatch(1, 2, 1, []byte("abc")))
	f.Add([]byte{evExperimentalBatch})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return // Write refuses it itself
		}
		h, err := parseBatch(b)
		if err != nil {
			if err.offset < 0 || err.offset > int64(len(b)) {
				t.Fatalf("offset %d in %d bytes", err.offset, len(b))
			}
			return
		}
		if h.generation == 0 || h.payload > len(b) || len(b)-h.payload > maxBatchBytes {
			t.Fatalf("%+v of %d bytes", h, len(b))
		}
		frequencyIn(b, h.payload)
	})
}
