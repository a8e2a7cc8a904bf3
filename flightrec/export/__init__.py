"""Traces in the formats of other tools, made of the tables of :mod:`flightrec.tables`."""

from __future__ import annotations
