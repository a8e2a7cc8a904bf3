package gobridge

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type described struct {
	Inner
	Count  int            `json:"count" default:"4" min:"1" help:"how many"`
	Word   string         `json:"word" default:"some text"`
	On     bool           `json:"on"`
	List   []string       `json:"list"`
	Map    map[string]int `json:"map"`
	Hidden int            `json:"-"`
	Plain  uint8
	_      int
}

type Inner struct {
	Share float64 `json:"share" default:"0.5"`
}

func registerForTest[A any](t *testing.T, run func(context.Context, A) (A, error)) string {
	t.Helper()
	RegisterWith(t.Name(), "for a test", run)
	t.Cleanup(func() {
		delete(workloads, t.Name())
		delete(descriptions, t.Name())
	})
	return t.Name()
}

func echo[A any](_ context.Context, args A) (A, error) { return args, nil }

// Each field is described by its name, type and default; embedded structs are looked into.
func TestDescribe(t *testing.T) {
	name := registerForTest(t, echo[described])
	got := describeWorkload(name)
	var lines []string
	for _, a := range got.Arguments {
		value, err := json.Marshal(a.Default)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, a.Name+": "+a.Type+" = "+string(value)+" "+a.Help)
	}
	want := []string{
		`share: number = 0.5 `,
		`count: whole number = 4 how many`,
		`word: text = "some text" `,
		`on: true or false = false `,
		`list: list = null `,
		`map: object = null `,
		`Plain: whole number = 0 `,
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// What is given is given, and the rest has its default.
func TestTypedArguments(t *testing.T) {
	name := registerForTest(t, echo[described])
	result, err := workloads[name](context.Background(), json.RawMessage(`{"count": 7, "list": ["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := described{Inner: Inner{Share: 0.5}, Count: 7, Word: "some text", List: []string{"a"}}
	if !reflect.DeepEqual(result, want) {
		t.Errorf("got %+v, want %+v", result, want)
	}
}

// One call's arguments are not the next one's defaults.
func TestDefaultsAreNotShared(t *testing.T) {
	type args struct {
		List []int `json:"list" default:"[1, 2]"`
	}
	name := registerForTest(t, func(_ context.Context, a args) (args, error) {
		a.List[0] = 9
		return a, nil
	})
	for range 2 {
		result, err := workloads[name](context.Background(), json.RawMessage(`{}`))
		if err != nil || result.(args).List[0] != 9 {
			t.Fatal(result, err)
		}
		if a := describeWorkload(name).Arguments[0]; !reflect.DeepEqual(a.Default, []int{1, 2}) {
			t.Fatalf("the default has become %v", a.Default)
		}
	}
}

// What is wrong is refused in the caller's terms, before anything runs.
func TestWrongArguments(t *testing.T) {
	name := registerForTest(t, func(context.Context, described) (described, error) {
		t.Error("it has run")
		return described{}, nil
	})
	for raw, want := range map[string]string{
		`{"cuont": 1}`:   "there is no argument cuont; did you mean count? There is share, count, word, on, list, map, Plain",
		`{"Count": 1}`:   "there is no argument Count; did you mean count?",
		`{"xyz": 1}`:     "there is no argument xyz; there is share, ",
		`{"count": "x"}`: `count must be a whole number, not "x"`,
		`{"count": 1.5}`: "count must be a whole number, not 1.5",
		`{"count": 0}`:   "count must be at least 1, not 0",
		`{"word": 1}`:    "word must be text, not 1",
		`{"on": 1}`:      "on must be true or false, not 1",
		`{"list": {}}`:   "list must be a list, not {}",
		`{"map": []}`:    "map must be an object, not []",
		`{"Plain": 256}`: "Plain must be a whole number, not 256",
		`{"Hidden": 1}`:  "there is no argument Hidden",
		`[]`:             "cannot unmarshal",
	} {
		err := checkArguments(name, json.RawMessage(raw))
		if err == nil || !strings.HasPrefix(err.Error(), want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
		if _, err := workloads[name](context.Background(), json.RawMessage(raw)); err == nil || !strings.HasPrefix(err.Error(), "bad arguments: ") {
			t.Errorf("%s: run says %v", raw, err)
		}
	}
	if err := checkArguments("no such", nil); err == nil {
		t.Error("an unknown workload has passed")
	}
}

// A workload that says nothing of its arguments takes any.
func TestUndescribed(t *testing.T) {
	Register(t.Name(), func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	t.Cleanup(func() { delete(workloads, t.Name()) })
	if err := checkArguments(t.Name(), json.RawMessage(`{"any": 1}`)); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(describeWorkload(t.Name()))
	if want := `{"name":"TestUndescribed","summary":"","arguments":null}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}

// A tag that cannot be read is found at registration.
func TestBadTags(t *testing.T) {
	type badDefault struct {
		N int `default:"x"`
	}
	type badMin struct {
		S string `min:"1"`
	}
	for _, register := range []func(){
		func() { RegisterWith(t.Name(), "", echo[badDefault]) },
		func() { RegisterWith(t.Name(), "", echo[badMin]) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it was registered")
				}
			}()
			register()
		}()
	}
}

func TestNearest(t *testing.T) {
	words := []string{"duration", "pairs", "live_bytes"}
	for word, want := range map[string]string{
		"pears": "pairs", "pair": "pairs", "durration": "duration", "livebytes": "live_bytes", "xyz": "", "": "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("nearest(%q) is %q, want %q", word, got, want)
		}
	}
}
