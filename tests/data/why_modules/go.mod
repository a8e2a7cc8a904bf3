module flightrec.test/whymodules

go 1.22

require (
	flightrec/gobridge v0.0.0
	github.com/mattn/go-sqlite3 v1.14.22
	golang.org/x/sync v0.8.0
)

replace flightrec/gobridge => ../../../gobridge
