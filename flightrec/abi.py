"""The C ABI of the bridge, as ctypes sees it: one table of what ``gobridge.h`` declares.

Nothing here calls anything. Names are C's, exactly. A test compares this file with the header,
and :mod:`flightrec.library` compares :data:`ABI_VERSION` with the library when it loads one.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag
from typing import Any

__all__ = [
    "ABI_VERSION",
    "CONSUMER",
    "PROTOTYPES",
    "Error",
    "Flush",
    "Generation",
    "News",
    "NewsKind",
    "Option",
    "Options",
    "Segment",
    "SessionStatistics",
    "Status",
]

ABI_VERSION = 7


class Status(IntEnum):
    """``flightrec_status``: what a call of the bridge came to."""

    OK = 0
    UNKNOWN = 1
    CONFLICT = 3
    ENDED = 4
    BROKEN = 5
    SHORT = 6
    TIMEOUT = 7
    FAILED = 8
    PANIC = 9
    CANCELLED = 10
    REFUSED = 11
    ERROR = 12


class Option(IntFlag):
    """``FLIGHTREC_OPTION_*``."""

    ALLOCFREE = 1
    REPLAY = 2
    STRICT = 4


class Error(ctypes.Structure):
    """``flightrec_error``."""

    _fields_ = [
        ("offset", ctypes.c_int64),
        ("generation", ctypes.c_uint64),
        ("text", ctypes.c_char * 4080),
    ]


class Options(ctypes.Structure):
    """``flightrec_options``."""

    _fields_ = [
        ("max_bytes", ctypes.c_uint64),
        ("ceiling", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class Segment(ctypes.Structure):
    """``flightrec_segment``."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
    ]


class Generation(ctypes.Structure):
    """``flightrec_generation``."""

    _fields_ = [
        ("number", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("batches", ctypes.c_uint64),
        ("min_time", ctypes.c_uint64),
        ("end_time", ctypes.c_uint64),
        ("frequency", ctypes.c_uint64),
        ("header", ctypes.c_uint8 * 16),
        ("count", ctypes.c_size_t),
        ("segments", ctypes.POINTER(Segment)),
    ]


class Flush(ctypes.Structure):
    """``flightrec_flush``."""

    _fields_ = [
        ("number", ctypes.c_uint64),
        ("completed", ctypes.c_uint64),
    ]


class SessionStatistics(ctypes.Structure):
    """``flightrec_session_statistics``."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "window_bytes",
            "peak_window_bytes",
            "ring_bytes",
            "generations",
            "oldest_time",
            "queued_bytes",
            "active_bytes",
            "total_bytes",
            "total_batches",
            "total_generations",
            "early_advances",
            "advance_bytes",
            "overhead_bytes",
            "dropped_generations",
            "over_ceiling_generations",
            "deliveries",
            "native_bytes",
        )
    ]


class NewsKind(IntFlag):
    """``FLIGHTREC_NEWS_*``."""

    TASK = 1
    HTTP = 2
    REQUEST = 4
    WORKLOAD = 8
    EXIT = 16
    PANIC = 32
    MARK = 64


class News(ctypes.Structure):
    """``flightrec_news``."""

    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("status", ctypes.c_int64),
        ("number", ctypes.c_uint64),
        ("start_ns", ctypes.c_uint64),
        ("end_ns", ctypes.c_uint64),
        ("name", ctypes.c_char * 512),
    ]


CONSUMER = ctypes.CFUNCTYPE(
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.POINTER(Generation)),
    ctypes.c_size_t,
    ctypes.c_uint64,
    ctypes.POINTER(ctypes.c_uint64),
)

_status = ctypes.c_int32
_handle = ctypes.c_uint64
_text = ctypes.c_char_p
_buffer = ctypes.c_void_p
_size = ctypes.c_size_t
_error_p = ctypes.POINTER(Error)
_generations_p = ctypes.POINTER(ctypes.POINTER(Generation))
_handle_p = ctypes.POINTER(ctypes.c_uint64)
_size_p = ctypes.POINTER(ctypes.c_size_t)

#: Name, argument types, result type of every function; the order is the header's.
PROTOTYPES: tuple[tuple[str, tuple[Any, ...], Any], ...] = (
    ("flightrec_abi_version", (), ctypes.c_int32),
    ("flightrec_describe", (_text, _buffer, _size, _size_p, _error_p), _status),
    ("flightrec_clock_now", (), ctypes.c_uint64),
    ("flightrec_setenv", (_text, _text, _error_p), _status),
    ("flightrec_session_open", (ctypes.POINTER(Options), _handle_p, _error_p), _status),
    ("flightrec_session_deliver", (_handle, CONSUMER, ctypes.c_void_p, _error_p), _status),
    (
        "flightrec_session_flush",
        (_handle, ctypes.POINTER(Flush), ctypes.c_int64, _error_p),
        _status,
    ),
    (
        "flightrec_session_hold",
        (_handle, _generations_p, _size, _size_p, _error_p),
        _status,
    ),
    ("flightrec_generations_hold", (_generations_p, _size, _generations_p), None),
    ("flightrec_generations_release", (_generations_p, _size), None),
    ("flightrec_session_feed", (_handle, _buffer, _size, _error_p), _status),
    ("flightrec_session_stop", (_handle, ctypes.c_int64, _error_p), _status),
    ("flightrec_session_close", (_handle, _error_p), _status),
    (
        "flightrec_session_stats",
        (_handle, ctypes.POINTER(SessionStatistics), _error_p),
        _status,
    ),
    ("flightrec_session_count", (), ctypes.c_uint64),
    ("flightrec_generation_count", (), ctypes.c_uint64),
    ("flightrec_workload_check", (_text, _text, _error_p), _status),
    ("flightrec_workload_start", (_text, _text, _handle, _handle, _error_p), _status),
    ("flightrec_workload_cancel", (_handle, _error_p), _status),
    ("flightrec_workload_result", (_handle, _buffer, _size, _size_p, _error_p), _status),
    ("flightrec_workload_count", (), ctypes.c_uint64),
    (
        "flightrec_departure_watch",
        (ctypes.c_int32, ctypes.c_int32, ctypes.c_int64),
        _status,
    ),
    ("flightrec_departure_go", (), _status),
    ("flightrec_task_begin", (_handle, _handle, _text, _error_p), _status),
    ("flightrec_task_end", (_handle, _error_p), _status),
    ("flightrec_log", (_handle, _text, _text, _error_p), _status),
    ("flightrec_region_begin", (_handle, _handle, _handle, _text, _error_p), _status),
    ("flightrec_region_end", (_handle, _handle, _error_p), _status),
    (
        "flightrec_region_next",
        (*(5 * (_handle,)), _text, _text, ctypes.c_int32, _error_p),
        _status,
    ),
    ("flightrec_thread_end", (_handle,), _status),
    ("flightrec_thread_names", (_text,), None),
    (
        "flightrec_metrics_read",
        (_text, ctypes.c_int32, _buffer, _size, _size_p, _error_p),
        _status,
    ),
    ("flightrec_news_watch", (_text, _error_p), _status),
    ("flightrec_news_next", (ctypes.c_uint32, ctypes.POINTER(News), _handle_p), _status),
    ("flightrec_news_mark", (_handle,), ctypes.c_int32),
    ("flightrec_news_close", (), None),
)
