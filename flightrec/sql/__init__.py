"""Traces in SQLite: the tables of :mod:`flightrec.tables`, views for common questions, a prompt."""

from __future__ import annotations

from flightrec.sql.load import Database, to_sqlite

__all__ = ["Database", "to_sqlite"]
