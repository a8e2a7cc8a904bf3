// Package serves is a web server with a database, to be instrumented.
package serves

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"

	"flightrec/gobridge"
)

// A connection of a database that has nothing.
type connection struct{}

func (connection) Connect(context.Context) (driver.Conn, error) { return connection{}, nil }
func (connection) Driver() driver.Driver                        { return nil }
func (connection) Prepare(string) (driver.Stmt, error)          { return nil, errors.New("no statements") }
func (connection) Close() error                                 { return nil }
func (connection) Begin() (driver.Tx, error)                    { return transaction{}, nil }
func (connection) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

type transaction struct{}

func (transaction) Commit() error   { return nil }
func (transaction) Rollback() error { return nil }

func init() {
	database := sql.OpenDB(connection{})
	routes := http.NewServeMux()
	routes.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		tx, err := database.BeginTx(r.Context(), nil)
		if err == nil {
			_, err = tx.ExecContext(r.Context(), "SELECT secret")
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, r.PathValue("id"))
	})
	routes.HandleFunc("/fails", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	routes.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	middleware := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { routes.ServeHTTP(w, r) })

	// visit makes requests to a server, one after the other: "GET /path", and returns the answers.
	gobridge.Register("visit", func(_ context.Context, raw json.RawMessage) (any, error) {
		var args struct {
			Wrapped, HTTP2 bool
			Requests       [][2]string
		}
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, err
		}
		var handler http.Handler = routes
		if args.Wrapped {
			handler = middleware
		}
		server := httptest.NewUnstartedServer(handler)
		server.EnableHTTP2 = args.HTTP2
		if args.HTTP2 {
			server.StartTLS()
		} else {
			server.Start()
		}
		defer server.Close()
		answers := []string{}
		for _, each := range args.Requests {
			request, err := http.NewRequest(each[0], server.URL+each[1], nil)
			if err != nil {
				return nil, err
			}
			response, err := server.Client().Do(request)
			if err != nil {
				answers = append(answers, "no answer")
				continue
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			answers = append(answers, response.Proto+" "+response.Status+" "+string(body))
		}
		return answers, nil
	})
}
