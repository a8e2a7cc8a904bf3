"""What requests are called: by method and route, never by what a client chooses freely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["asgi_name", "known_method", "template_of", "wsgi_name"]

_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)
#: A part of a path that says which thing and not what kind of thing: it has a digit, an unusual
#: character, or is very long.
_PARTICULAR = re.compile(r".*[\d%@=+:;,!'()~\x80-\U0010ffff].*|.{33,}", re.DOTALL)
_PARTS = 8
#: Starlette's Match.FULL.
_FULL = 2


def known_method(method: str) -> str:
    """Return a method, or OTHER for one that a client has made up."""
    return method if method in _METHODS else "OTHER"


def template_of(path: str) -> str:
    """Return a path with ``*`` for each part that names a particular thing, cut to eight parts."""
    parts = path.split("/")
    shown = ["*" if _PARTICULAR.fullmatch(part) else part for part in parts[: _PARTS + 1]]
    return "/".join(shown) + ("/…" if len(parts) > _PARTS + 1 else "") or "/"


def wsgi_name(app: Any, environ: Mapping[str, Any]) -> str:
    """Name a request to a WSGI application.

    By the route of a Flask application, and else by the path's template.
    """
    method = known_method(str(environ.get("REQUEST_METHOD", "")))
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return f"{method} {_flask_route(app, environ) or template_of(path)}"


def _flask_route(app: Any, environ: Mapping[str, Any]) -> str | None:
    url_map = getattr(getattr(app, "__self__", app), "url_map", None)  # app, or app.wsgi_app
    if url_map is None:
        return None
    try:
        rule, _ = url_map.bind_to_environ(environ).match(return_rule=True)
        return str(rule.rule)
    except Exception:  # no such route, a redirect, another framework's idea of a url_map
        return None


def asgi_name(app: Any, scope: Mapping[str, Any]) -> str:
    """Name a request to an ASGI application.

    By the route of a Starlette or FastAPI application, and else by the path's template.
    """
    method = known_method(str(scope.get("method", "GET")))
    return f"{method} {_starlette_route(app, scope) or template_of(str(scope.get('path', '')))}"


def _starlette_route(app: Any, scope: Mapping[str, Any], depth: int = 0) -> str | None:
    routes = getattr(app, "routes", None)
    if not isinstance(routes, (list, tuple)) or depth > _PARTS:
        return None
    try:
        for route in routes:
            match, child = route.matches(scope)
            if match.value == _FULL:
                path = str(getattr(route, "path", ""))
                inner = _starlette_route(route, {**scope, **child}, depth + 1)
                return path + (inner or "") or "/"
    except Exception:  # another framework's idea of routes
        return None
    return None
