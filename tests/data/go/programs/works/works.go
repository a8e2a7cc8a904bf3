// Package works registers Go functions that Python can call by name.
package works

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/trace"

	"flightrec/gobridge"
)

func init() {
	gobridge.Register("echo", func(ctx context.Context, args json.RawMessage) (any, error) {
		trace.Log(ctx, "works", "echo")
		return args, nil
	})
	gobridge.Register("fail", func(context.Context, json.RawMessage) (any, error) {
		return nil, errors.New("as the test wants")
	})
	gobridge.Register("panic", func(context.Context, json.RawMessage) (any, error) { panic("as the test wants") })
	gobridge.RegisterWith("sum", "adds numbers", func(_ context.Context, args sumArgs) (float64, error) {
		sum := args.First
		for _, n := range args.More {
			sum += n
		}
		return sum, nil
	})
	gobridge.Register("wait", func(ctx context.Context, _ json.RawMessage) (any, error) {
		fmt.Println("ready")
		<-ctx.Done()
		return nil, ctx.Err()
	})
}

type sumArgs struct {
	First float64   `json:"first" default:"1.5" min:"0" help:"the first of them"`
	More  []float64 `json:"more"`
	Label string    `json:"label" default:"sum"`
	Loud  bool      `json:"loud"`
}
