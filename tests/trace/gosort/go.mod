module gosort

go 1.22
