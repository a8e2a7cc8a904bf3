// Command gosort sorts lines of numbers with slices.SortFunc and prints, for each line, which
// of its numbers, counted from 0, stands where in the end.
package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		type item struct{ key, place int }
		var items []item
		for place, word := range strings.Fields(lines.Text()) {
			key, err := strconv.Atoi(word)
			if err != nil {
				panic(err)
			}
			items = append(items, item{key, place})
		}
		slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.key, b.key) })
		for _, it := range items {
			fmt.Fprint(out, it.place, " ")
		}
		fmt.Fprintln(out)
	}
}
