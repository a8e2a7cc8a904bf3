// A web shop on SQLite, small enough to read and slow enough to be interesting.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

const schema = `
CREATE TABLE stock  (item TEXT PRIMARY KEY, number INTEGER NOT NULL CHECK (number >= 0));
CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL REFERENCES stock);
INSERT INTO stock VALUES ('cup', 1), ('pot', 5), ('tea', 100);
`

// patience is how long an order may wait for the database.
const patience = 300 * time.Millisecond

var errSoldOut = errors.New("sold out")

type shop struct{ db *sql.DB }

func newShop() (*shop, error) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection would have a database in memory of its own
	_, err = db.Exec(schema)
	return &shop{db}, err
}

// order takes an item from the stock and returns the order's number.
func (s *shop) order(ctx context.Context, item string) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	taken, err := tx.ExecContext(ctx, "UPDATE stock SET number = number - 1 WHERE item = ? AND number > 0", item)
	if err != nil {
		return 0, err
	}
	if n, _ := taken.RowsAffected(); n == 0 {
		return 0, errSoldOut
	}
	made, err := tx.ExecContext(ctx, "INSERT INTO orders (item) VALUES (?)", item)
	if err != nil {
		return 0, err
	}
	if id, err = made.LastInsertId(); err != nil {
		return 0, err
	}
	return id, tx.Commit()
}

// inStock says whether all items are in stock.
func (s *shop) inStock() (bool, error) {
	rows, err := s.db.Query("SELECT number FROM stock ORDER BY item")
	if err != nil {
		return false, err
	}
	for rows.Next() {
		var number int
		if err := rows.Scan(&number); err != nil {
			return false, err
		}
		if number == 0 {
			return false, nil // the mistake: rows stay open, and keep the only connection
		}
	}
	return true, rows.Err()
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{item}", func(w http.ResponseWriter, r *http.Request) {
		id, err := s.order(r.Context(), r.PathValue("item"))
		switch {
		case errors.Is(err, errSoldOut):
			http.Error(w, err.Error(), http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintln(w, id)
		}
	})
	mux.HandleFunc("GET /stock", func(w http.ResponseWriter, _ *http.Request) {
		all, err := s.inStock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, map[bool]string{true: "complete", false: "something is sold out"}[all])
	})
	return mux
}

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "")
	flag.Parse()
	s, err := newShop()
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, s.handler()))
}
