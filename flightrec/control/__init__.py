"""Hands from outside: a Unix socket through which recorders of running processes are steered."""
