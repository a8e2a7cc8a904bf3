package gobridge

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
)

func TestGlobMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"a*c", "abbbc", true},
		{"a*c", "abbbcd", false},
		{"*b*", "abc", true},
		{"a?c", "aäc", true},
		{"a?c", "ac", false},
		{"[a]", "[a]", true},
		{"[a]", "a", false},
		{"**a**a", "bababa", true},
		{"GET /items/{id}", "GET /items/{id}", true},
	} {
		if got := globMatches(c.pattern, c.name); got != c.want {
			t.Errorf("globMatches(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestWishes(t *testing.T) {
	slow := wish{Kind: newsTask, Glob: "req*", LongerThan: 100}
	failed := wish{Kind: newsHTTP, Glob: "*", LongerThan: -1, StatusFrom: 500, StatusTo: 599}
	asked := wish{Kind: newsRequest, Glob: "*", LongerThan: -1, StatusTo: -1, StatusFrom: 0, WithoutTest: true}
	for i, c := range []struct {
		wish   wish
		kind   newsKind
		name   string
		took   int64
		status int
		want   bool
	}{
		{slow, newsTask, "request", 101, noStatus, true},
		{slow, newsTask, "request", 100, noStatus, false},
		{slow, newsTask, "other", 101, noStatus, false},
		{slow, newsHTTP, "request", 101, 200, false},
		{failed, newsHTTP, "GET /", 1 << 40, 499, false},
		{failed, newsHTTP, "GET /", 0, 500, true},
		{failed, newsHTTP, "GET /", 0, 600, false},
		{failed, newsHTTP, "GET /", 0, noStatus, false},
		{asked, newsRequest, "why", 0, noStatus, true},
	} {
		if got := c.wish.wants(c.kind, c.name, c.took, c.status); got != c.want {
			t.Errorf("case %d: got %v", i, got)
		}
	}
}

// Tasks are listed while they are open and watched, and those that nobody ends do not fill the
// memory.
func TestOpenTasks(t *testing.T) {
	t.Cleanup(func() { _ = watchFor([]byte("{}")) })
	TaskBegan(1, 0, "before")
	if err := watchFor([]byte(`{"tasks": true}`)); err != nil {
		t.Fatal(err)
	}
	TaskBegan(2, 1, "watched")
	listed := listOpen(10)
	if len(listed) != 1 {
		t.Fatalf("open tasks: %+v", listed)
	}
	task := listed[0].(listedTask)
	if task.ID != 2 || task.Parent != 1 || task.Name != "watched" || task.Start == 0 {
		t.Fatalf("open task: %+v", task)
	}
	TaskEnded(1)
	TaskEnded(2)
	if listed := listOpen(10); len(listed) != 0 {
		t.Fatalf("open tasks after their end: %+v", listed)
	}
	for id := uint64(0); id < 2*openShards*openInShard; id++ {
		TaskBegan(id, 0, "never ended")
	}
	if n := len(listOpen(1 << 30)); n != openShards*openInShard {
		t.Fatalf("%d open tasks are kept", n)
	}
	if err := watchFor([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if listed := listOpen(10); len(listed) != 0 {
		t.Fatalf("open tasks that nobody watches: %+v", listed)
	}
}

// Regions are listed with their task while they are open and watched.
func TestOpenRegions(t *testing.T) {
	t.Cleanup(func() { _ = watchFor([]byte("{}")) })
	before := RegionBegan(1, "before")
	if before != 0 {
		t.Fatal("a region is kept that nobody watches")
	}
	if err := watchFor([]byte(`{"tasks": true}`)); err != nil {
		t.Fatal(err)
	}
	outer, inner := RegionBegan(7, "outer"), RegionBegan(0, "inner")
	RegionEnded(inner)
	listed := listOpen(10)
	if len(listed) != 1 {
		t.Fatalf("open regions: %+v", listed)
	}
	region := listed[0].(listedRegion)
	if region.Task != 7 || region.Name != "outer" || region.Start == 0 {
		t.Fatalf("open region: %+v", region)
	}
	RegionEnded(outer)
	if listed := listOpen(10); len(listed) != 0 {
		t.Fatalf("open regions after their end: %+v", listed)
	}
	for range 3 {
		TaskBegan(uint64(RegionBegan(0, "r")), 0, "t")
	}
	if listed := listOpen(2); len(listed) != 4 {
		t.Fatalf("%d are listed of 3 tasks and 3 regions, at most 2 of each", len(listed))
	}
}

func TestConcurrentTasks(t *testing.T) {
	t.Cleanup(func() { _ = watchFor([]byte("{}")) })
	if err := watchFor([]byte(`{"tasks": true}`)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range uint64(2000) {
				TaskBegan(g<<32+i, 0, "t")
				TaskEnded(g<<32 + i)
			}
		}()
	}
	wg.Wait()
	if n := len(listOpen(10)); n != 0 {
		t.Fatalf("%d tasks are left", n)
	}
}

func TestReadMetrics(t *testing.T) {
	var names []string
	kinds := map[string]string{}
	for _, d := range describeMetrics() {
		names = append(names, d.Name)
		kinds[d.Name] = d.Kind
	}
	for range 2 {
		text, err := readMetrics(names, true)
		if err != nil {
			t.Fatal(err)
		}
		var values []any
		if err := json.Unmarshal(text, &values); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		for i, name := range names {
			h, isHistogram := values[i].(map[string]any)
			if isHistogram != (kinds[name] == "histogram") {
				t.Errorf("%s is %v", name, values[i])
			}
			if isHistogram && len(h["buckets"].([]any)) != len(h["counts"].([]any))+1 {
				t.Errorf("%s has buckets %v", name, h)
			}
		}
	}
	if _, err := readMetrics([]string{"/no/such:metric"}, false); err == nil {
		t.Error("an unknown metric was read")
	}
}

func BenchmarkTaskWatched(b *testing.B) {
	b.Cleanup(func() { _ = watchFor([]byte("{}")) })
	for _, watched := range []bool{false, true} {
		b.Run(fmt.Sprint(watched), func(b *testing.B) {
			_ = watchFor([]byte(fmt.Sprintf(`{"tasks": %v, "wishes": [{"kind": 1, "glob": "*", "longer_than": 1000000000}]}`, watched)))
			for i := range b.N {
				TaskBegan(uint64(i), 0, "request")
				TaskEnded(uint64(i))
			}
		})
	}
}

func BenchmarkRegionWatched(b *testing.B) {
	b.Cleanup(func() { _ = watchFor([]byte("{}")) })
	for _, watched := range []bool{false, true} {
		b.Run(fmt.Sprint(watched), func(b *testing.B) {
			_ = watchFor([]byte(fmt.Sprintf(`{"tasks": %v}`, watched)))
			for range b.N {
				RegionEnded(RegionBegan(1, "query"))
			}
		})
	}
}
