module example.com/serves

go 1.22

require flightrec/gobridge v0.0.0

replace flightrec/gobridge => ../../../../../gobridge
