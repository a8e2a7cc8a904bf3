"""Middleware for ASGI applications (ASGI 3): Starlette, FastAPI, and any other."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from flightrec.directory import SnapshotDirectory
from flightrec.web.names import asgi_name
from flightrec.web.service import RecorderOrMaker, Service

__all__ = ["asgi"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def asgi(
    app: App,
    recorder: RecorderOrMaker,
    to: SnapshotDirectory | str | os.PathLike[str] | None = None,
    *,
    slower_than: float | None = None,
    status: int | None = 500,
    name: Callable[[Scope], str] | None = None,
    **options: Any,
) -> App:
    """Wrap an ASGI application: each request is a task, and a slow or failed one saves a snapshot.

    A request has taken as long as its answer: what an application does in the background after that
    belongs to its task, and does not make it slow. WebSockets and the lifespan protocol pass
    through.

    The parameters are those of :func:`flightrec.wsgi`; ``name`` gets the scope, and the default
    knows the routes of Starlette and FastAPI.
    """
    service = Service(recorder, to, slower_than, status, options)

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = service.begin(lambda: name(scope) if name is not None else asgi_name(app, scope))
        if request is None:
            await app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                request.answered()

        try:
            with request.current():
                await app(scope, receive, sending)
        except BaseException as exc:
            # A client that went away cancels; that is no failure of the application.
            if isinstance(exc, Exception):
                request.status = 500
            raise
        finally:
            request.end()

    return middleware
