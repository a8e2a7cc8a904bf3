package gobridge

import (
	"encoding/json"
	"sync"
	"sync/atomic"
)

// What Python wants to be told of: work that took longer than a time or ended with some status.
// It is found where the work ends, without a look at the trace.

// noStatus is the status of work that has none.
const noStatus = -1

// A wish is one thing that Python wants to be told of. Zero fields ask for nothing.
type wish struct {
	Kind        newsKind `json:"kind"`
	Glob        string   `json:"glob"`
	LongerThan  int64    `json:"longer_than"` // ns; below 0 for no matter how long
	StatusFrom  int      `json:"status_from"` // the statuses from here
	StatusTo    int      `json:"status_to"`   // to here, and not any if it is below
	WithoutTest bool     `json:"any"`         // all of that kind and name
}

func (w *wish) wants(kind newsKind, name string, took int64, status int) bool {
	if w.Kind != kind {
		return false
	}
	slow := w.LongerThan >= 0 && took > w.LongerThan
	told := status != noStatus && w.StatusFrom <= status && status <= w.StatusTo
	return (slow || told || w.WithoutTest) && globMatches(w.Glob, name)
}

var (
	wishes      atomic.Pointer[[]wish]
	openTasks   openTable[openTask]
	openRegions openTable[openRegion]
	regionCount atomic.Uint64
	// watchesOpen is whether tasks and regions are kept while they are open.
	watchesOpen atomic.Bool
)

// watchFor sets what Python wants to be told of, instead of what it wanted before. With "tasks", open
// tasks and regions are kept: tasks to be timed, both to be listed.
func watchFor(text []byte) error {
	var wanted struct {
		Tasks  bool   `json:"tasks"`
		Wishes []wish `json:"wishes"`
	}
	if err := json.Unmarshal(text, &wanted); err != nil {
		return err
	}
	wishes.Store(&wanted.Wishes)
	watchesOpen.Store(wanted.Tasks)
	if !wanted.Tasks {
		openTasks.clear()
		openRegions.clear()
	}
	return nil
}

// tell gives news of ended work to Python if it wants to know.
func tell(kind newsKind, name string, start, end int64, status int) {
	wanted := wishes.Load()
	if wanted == nil {
		return
	}
	for i := range *wanted {
		if (*wanted)[i].wants(kind, name, end-start, status) {
			putNews(news{kind: kind, name: name, start: start, end: end, status: status})
			return
		}
	}
}

// TaskBegan is for the code that flightrec build puts into runtime/trace: NewTask calls it.
func TaskBegan(id, parent uint64, name string) {
	if watchesOpen.Load() {
		openTasks.add(id, openTask{Parent: parent, Name: name, Start: monotonicNS()})
	}
}

// TaskEnded is for the code that flightrec build puts into runtime/trace: Task.End calls it.
func TaskEnded(id uint64) {
	if !watchesOpen.Load() {
		return
	}
	if t, ok := openTasks.take(id); ok {
		tell(newsTask, t.Name, t.Start, monotonicNS(), noStatus)
	}
}

// RegionBegan is for the code that flightrec build puts into runtime/trace: StartRegion and WithRegion
// call it. The result is RegionEnded's argument; 0 for a region that is not kept.
func RegionBegan(task uint64, name string) uint64 {
	if !watchesOpen.Load() {
		return 0
	}
	number := regionCount.Add(1)
	openRegions.add(number, openRegion{Task: task, Name: name, Start: monotonicNS()})
	return number
}

// RegionEnded is for the code that flightrec build puts into runtime/trace: Region.End and WithRegion
// call it.
func RegionEnded(number uint64) {
	if watchesOpen.Load() {
		openRegions.take(number)
	}
}

// RequestEnded is for the code that flightrec build puts into net/http: a server has answered a
// request. name is its method and route; start is from Monotonic; status is the answer's, or below 0
// where it is not known.
func RequestEnded(name string, start int64, status int) {
	if status < 0 {
		status = noStatus
	}
	tell(newsHTTP, name, start, monotonicNS(), status)
}

// Monotonic is the time that RequestEnded counts from, in ns.
func Monotonic() int64 { return monotonicNS() }

// RequestSnapshot asks for a snapshot of the flight recorder that watches this program, and returns at
// once. Whether one is taken is the rules' affair: one that waits for requests must be set
// (recorder.when("request", …), or --when request). It reports whether the request was passed on.
func RequestSnapshot(reason string) bool {
	now := monotonicNS()
	wanted := wishes.Load()
	if wanted == nil {
		return false
	}
	for i := range *wanted {
		if (*wanted)[i].wants(newsRequest, reason, 0, noStatus) {
			return putNews(news{kind: newsRequest, name: reason, start: now, end: now, status: noStatus})
		}
	}
	return false
}

func monotonicNS() int64 { return int64(monotonicNow()) }

// An openTask is a task of runtime/trace that has not ended.
type openTask struct {
	Parent uint64 `json:"parent"`
	Name   string `json:"name"`
	Start  int64  `json:"start_ns"`
}

// An openRegion is a region of runtime/trace that has not ended, of a task or of none (0).
type openRegion struct {
	Task  uint64 `json:"task"`
	Name  string `json:"name"`
	Start int64  `json:"start_ns"`
}

const (
	openShards  = 64
	openInShard = 1024 // what nobody ends must not grow the table for ever
)

// An openTable has what is open, by number. Goroutines begin and end tasks at a high rate, so it is in
// parts.
type openTable[T any] struct {
	shards [openShards]struct {
		sync.Mutex
		open map[uint64]T
	}
}

func (t *openTable[T]) add(number uint64, what T) {
	s := &t.shards[number%openShards]
	s.Lock()
	defer s.Unlock()
	if s.open == nil {
		s.open = map[uint64]T{}
	}
	if len(s.open) >= openInShard {
		return // too many
	}
	s.open[number] = what
}

func (t *openTable[T]) take(number uint64) (T, bool) {
	s := &t.shards[number%openShards]
	s.Lock()
	defer s.Unlock()
	what, ok := s.open[number]
	delete(s.open, number)
	return what, ok
}

func (t *openTable[T]) clear() {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		s.open = nil
		s.Unlock()
	}
}

// each calls a function with what is open, in no order, until it returns false.
func (t *openTable[T]) each(call func(number uint64, what T) bool) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		for number, what := range s.open {
			if !call(number, what) {
				s.Unlock()
				return
			}
		}
		s.Unlock()
	}
}

// A listedTask is an open task, for Python.
type listedTask struct {
	Kind string `json:"kind"`
	ID   uint64 `json:"id"`
	openTask
}

// A listedRegion is an open region, for Python.
type listedRegion struct {
	Kind string `json:"kind"`
	openRegion
}

// listOpen returns what is open: at most limit tasks, and as many regions.
func listOpen(limit int) []any {
	listed := []any{}
	openTasks.each(func(number uint64, what openTask) bool {
		listed = append(listed, listedTask{"task", number, what})
		return len(listed) < limit
	})
	tasks := len(listed)
	openRegions.each(func(_ uint64, what openRegion) bool {
		listed = append(listed, listedRegion{"region", what})
		return len(listed)-tasks < limit
	})
	return listed
}

// globMatches says whether a name matches a pattern in which * stands for any text, ? for any one
// character, and everything else for itself.
func globMatches(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	i, j, star, from := 0, 0, -1, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
