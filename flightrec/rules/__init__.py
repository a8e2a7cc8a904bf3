"""Rules: what to wait for, so that the right moment is on disk afterwards.

The language is :mod:`flightrec.rules.grammar`'s; docs/rules.md shows it by examples.
"""
