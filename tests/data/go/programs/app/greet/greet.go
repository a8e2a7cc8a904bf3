// Package greet is a dependency.
package greet

// Hello greets.
func Hello(name string) string { return "hello " + name }
