"""A flight recorder for a real Go runtime inside a Python process."""
