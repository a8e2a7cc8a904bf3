module flightrec.bench/load

go 1.22
