"""Middleware for WSGI applications (PEP 3333): Flask, Django, and any other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flightrec.directory import SnapshotDirectory
from flightrec.web.names import wsgi_name
from flightrec.web.service import RecorderOrMaker, Request, Service

__all__ = ["wsgi"]

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def wsgi(
    app: App,
    recorder: RecorderOrMaker,
    to: SnapshotDirectory | str | os.PathLike[str] | None = None,
    *,
    slower_than: float | None = None,
    status: int | None = 500,
    name: Callable[[Environ], str] | None = None,
    **options: Any,
) -> App:
    """Wrap a WSGI application: each request is a task, and a slow or failed one saves a snapshot.

    The Go work that a request starts belongs to its task. Rules on ``http`` fire as well. While
    nothing records, requests pass through.

    :param recorder: the recorder; or a function that makes and starts one, which each process calls
        once, with its first request: for servers that fork after they have loaded the application.
    :param to: where snapshots are saved; None for no rule of this middleware's own.
    :param slower_than: save one if the answer takes longer than so many seconds, to its last byte.
    :param status: save one for an answer of this status or above; None for no such rule.
    :param name: names a request by its environ; by default its method and Flask's route, or its
        path with ``*`` for parts that name a particular thing. The query is never in it.
    :param options: further ones of the rule: tail, last, arm_after, on_saved….
    :raises ValueError: an option that makes no sense.
    """
    service = Service(recorder, to, slower_than, status, options)

    def middleware(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = service.begin(
            lambda: name(environ) if name is not None else wsgi_name(app, environ)
        )
        if request is None:
            return app(environ, start_response)

        def start(status_line: str, *args: Any) -> Any:
            request.status = _status(status_line)
            return start_response(status_line, *args)

        try:
            with request.current():
                body = app(environ, start)
        except BaseException:
            request.status = 500
            request.end()
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
        if is_file or isinstance(body, (list, tuple)):
            request.end()  # the server treats these specially: it must see what the app returned
            return body
        return _Body(body, request)

    return middleware


def _status(line: str) -> int | None:
    return int(line[:3]) if line[:3].isdecimal() else None


class _Body:
    """An answer's body: the request ends with it."""

    def __init__(self, body: Iterable[bytes], request: Request) -> None:
        self._body = body
        self._request = request
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        try:
            with self._request.current():
                if self._parts is None:
                    self._parts = iter(self._body)
                return next(self._parts)
        except StopIteration:
            self._request.answered()
            raise
        except BaseException:
            self._request.status = 500
            raise

    def close(self) -> None:
        """The server is done with it, or has given up."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                with self._request.current():
                    close()
        finally:
            self._request.end()
