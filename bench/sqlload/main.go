// Command sqlload makes queries through database/sql to a driver that answers at once, and prints as
// JSON how many ns of time one takes. What it costs beyond that is database/sql's own.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"time"
)

type empty struct{}

func (empty) Open(string) (driver.Conn, error)           { return empty{}, nil }
func (empty) Prepare(string) (driver.Stmt, error)        { return empty{}, nil }
func (empty) Close() error                               { return nil }
func (empty) Begin() (driver.Tx, error)                  { return empty{}, nil }
func (empty) Commit() error                              { return nil }
func (empty) Rollback() error                            { return nil }
func (empty) NumInput() int                              { return -1 }
func (empty) Exec([]driver.Value) (driver.Result, error) { return driver.RowsAffected(1), nil }
func (empty) Query([]driver.Value) (driver.Rows, error)  { return empty{}, nil }
func (empty) Columns() []string                          { return []string{"number"} }
func (empty) Next([]driver.Value) error                  { return io.EOF }

func main() {
	count := flag.Int("count", 100_000, "how many operations of each kind")
	flag.Parse()
	sql.Register("empty", empty{})
	db, err := sql.Open("empty", "")
	check(err)
	ctx := context.Background()
	found := map[string]float64{}
	for name, operation := range map[string]func(){
		"query": func() {
			rows, err := db.QueryContext(ctx, "SELECT 1")
			check(err)
			for rows.Next() {
			}
			check(rows.Close())
		},
		"exec": func() {
			_, err := db.ExecContext(ctx, "UPDATE x")
			check(err)
		},
		"begin, exec, commit": func() {
			tx, err := db.BeginTx(ctx, nil)
			check(err)
			_, err = tx.ExecContext(ctx, "UPDATE x")
			check(err)
			check(tx.Commit())
		},
	} {
		began := time.Now()
		for range *count {
			operation()
		}
		found[name] = float64(time.Since(began).Nanoseconds()) / float64(*count)
	}
	check(json.NewEncoder(os.Stdout).Encode(found))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
