"""A reader of Go execution traces."""
