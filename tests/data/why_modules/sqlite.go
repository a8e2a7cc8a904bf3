//go:build sqlite

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"flightrec/gobridge"

	_ "github.com/mattn/go-sqlite3"
)

func init() {
	gobridge.Register("sqlite_pool", func(context.Context, json.RawMessage) (any, error) {
		sqlitePool()
		return nil, nil
	})
}

// sqlitePool: the only connection of the pool is kept by a transaction.
func sqlitePool() {
	db, err := sql.Open("sqlite3", ":memory:")
	must(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE prices (name TEXT, price INTEGER)")
	must(err)
	query := func() {
		var n int
		must(db.QueryRow("SELECT count(*) FROM prices").Scan(&n))
	}
	requests(query)
	begun := make(chan struct{})
	go keepConnection(db, begun)
	<-begun
	request(query)
}

//go:noinline
func keepConnection(db *sql.DB, begun chan struct{}) {
	tx, err := db.Begin()
	must(err)
	_, err = tx.Exec("INSERT INTO prices VALUES ('tea', 4)")
	must(err)
	close(begun)
	time.Sleep(slow)
	must(tx.Commit())
}
