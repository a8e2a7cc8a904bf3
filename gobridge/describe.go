package gobridge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// RegisterWith registers a workload whose arguments are a struct, A, so that callers can be told
// which there are, and are refused what is wrong before anything runs. An argument is an exported
// field of A, or of a struct embedded in it; its tags say
//
//	json     its name
//	default  its value if it is not given, as JSON, or as text for a string
//	min      the least value of a number
//	help     what it means
//
// summary says in a few words what the workload does. RegisterWith panics as Register does, and if
// a tag cannot be read.
func RegisterWith[A, R any](name, summary string, run func(ctx context.Context, args A) (R, error)) {
	shape := argumentsOf(reflect.TypeFor[A]())
	parse := func(raw json.RawMessage) (args A, err error) {
		if err := shape.read(raw, reflect.ValueOf(&args).Elem()); err != nil {
			return args, fmt.Errorf("bad arguments: %w", err)
		}
		return args, nil
	}
	Register(name, func(ctx context.Context, raw json.RawMessage) (any, error) {
		args, err := parse(raw)
		if err != nil {
			return nil, err
		}
		return run(ctx, args)
	})
	workloadsMu.Lock()
	defer workloadsMu.Unlock()
	descriptions[name] = description{Name: name, Summary: summary, Arguments: shape}
}

// A description says what can be known of a workload. Arguments is nil if that is nothing.
type description struct {
	Name      string    `json:"name"`
	Summary   string    `json:"summary"`
	Arguments arguments `json:"arguments"`
}

// descriptions has those of RegisterWith; workloadsMu guards it.
var descriptions = map[string]description{}

func describeWorkloads() []description {
	all := []description{}
	for _, name := range workloadNames() {
		all = append(all, describeWorkload(name))
	}
	return all
}

func describeWorkload(name string) description {
	workloadsMu.Lock()
	defer workloadsMu.Unlock()
	if found, ok := descriptions[name]; ok {
		return found
	}
	return description{Name: name}
}

// checkArguments finds out whether a workload would refuse arguments.
func checkArguments(name string, raw json.RawMessage) error {
	if !slices.Contains(workloadNames(), name) {
		return unknownWorkload(name)
	}
	shape := describeWorkload(name).Arguments
	if shape == nil {
		return nil
	}
	return shape.read(raw, reflect.Value{})
}

// An argument is one field of a workload's arguments.
type argument struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // for people
	Default any    `json:"default"`
	Help    string `json:"help"`

	index    []int
	typ      reflect.Type
	fallback string // JSON of the default; "" is the zero value
	least    *float64
}

type arguments []argument

func argumentsOf(typ reflect.Type) arguments {
	shape := arguments{}
	for _, field := range reflect.VisibleFields(typ) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || field.Anonymous || name == "-" {
			continue
		}
		fallback := field.Tag.Get("default")
		if fallback != "" && field.Type.Kind() == reflect.String {
			fallback = strconv.Quote(fallback)
		}
		a := argument{
			Name:     cmp.Or(name, field.Name),
			Type:     wordsFor(field.Type),
			Help:     field.Tag.Get("help"),
			index:    field.Index,
			typ:      field.Type,
			fallback: fallback,
		}
		if text, ok := field.Tag.Lookup("min"); ok {
			least, err := strconv.ParseFloat(text, 64)
			if err != nil || !isNumber(field.Type) {
				panic(fmt.Sprintf("gobridge: the min of %v.%s: %q", typ, field.Name, text))
			}
			a.least = &least
		}
		value, err := a.value()
		if err != nil {
			panic(fmt.Sprintf("gobridge: the default of %v.%s: %v", typ, field.Name, err))
		}
		a.Default = value.Interface()
		shape = append(shape, a)
	}
	return shape
}

// read checks a JSON object, and sets the fields of to unless that is the zero Value.
func (shape arguments) read(raw json.RawMessage, to reflect.Value) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return err
	}
	for _, a := range shape {
		value, err := a.value()
		if text, ok := given[a.Name]; ok {
			err = a.read(text, value)
			delete(given, a.Name)
		}
		if err != nil {
			return err
		}
		if to.IsValid() {
			to.FieldByIndex(a.index).Set(value)
		}
	}
	for name := range given {
		return shape.unknown(name)
	}
	return nil
}

// value returns the argument's default, anew each time: a slice or map may be changed by who gets it.
func (a *argument) value() (reflect.Value, error) {
	value := reflect.New(a.typ).Elem()
	if a.fallback == "" {
		return value, nil
	}
	return value, json.Unmarshal([]byte(a.fallback), value.Addr().Interface())
}

func (a *argument) read(text json.RawMessage, to reflect.Value) error {
	to.SetZero() // what is given takes the place of a default map, and is not merged into it
	if err := json.Unmarshal(text, to.Addr().Interface()); err != nil {
		return fmt.Errorf("%s must be %s, not %s", a.Name, withArticle(a.Type), text)
	}
	if a.least != nil && asFloat(to) < *a.least {
		return fmt.Errorf("%s must be at least %v, not %s", a.Name, *a.least, text)
	}
	return nil
}

func (shape arguments) unknown(name string) error {
	names := make([]string, len(shape))
	for i, a := range shape {
		names[i] = a.Name
	}
	switch near := nearest(name, names); {
	case len(names) == 0:
		return fmt.Errorf("there is no argument %s: the workload takes none", name)
	case near != "":
		return fmt.Errorf("there is no argument %s; did you mean %s? There is %s", name, near, strings.Join(names, ", "))
	default:
		return fmt.Errorf("there is no argument %s; there is %s", name, strings.Join(names, ", "))
	}
}

func unknownWorkload(name string) error {
	return fmt.Errorf("%w: no workload %q is registered; there are %v", errUnknown, name, workloadNames())
}

func isNumber(typ reflect.Type) bool {
	return typ.Kind() >= reflect.Int && typ.Kind() <= reflect.Float64
}

func asFloat(value reflect.Value) float64 {
	return value.Convert(reflect.TypeFor[float64]()).Float()
}

// wordsFor names a type as a person would who does not write Go.
func wordsFor(typ reflect.Type) string {
	switch kind := typ.Kind(); {
	case kind == reflect.String:
		return "text"
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.Float32 || kind == reflect.Float64:
		return "number"
	case isNumber(typ):
		return "whole number"
	case kind == reflect.Slice || kind == reflect.Array:
		return "list"
	default:
		return "object"
	}
}

func withArticle(words string) string {
	switch words {
	case "text", "true or false":
		return words
	case "object":
		return "an object"
	default:
		return "a " + words
	}
}

// nearest returns the one of several words that another was probably meant to be, or "".
func nearest(word string, words []string) string {
	best, least := "", max(1, len(word)/2)+1
	for _, candidate := range words {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out or changed to get from one word to the
// other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
