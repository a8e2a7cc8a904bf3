module example.com/traces

go 1.22

require flightrec/gobridge v0.0.0

replace flightrec/gobridge => ../../../../../gobridge
