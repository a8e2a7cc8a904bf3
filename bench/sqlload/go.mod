module flightrec.bench/sqlload

go 1.22
