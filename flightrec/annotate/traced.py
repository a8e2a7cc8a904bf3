"""``@flightrec.traced``: every call of a function as a region."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec, TypeVar, overload

from flightrec.annotate.active import active
from flightrec.annotate.nesting import in_greenlet
from flightrec.annotate.regions import OpenRegion
from flightrec.annotate.tasks import current_task_number
from flightrec.annotate.text import check_text
from flightrec.library import is_forked

__all__ = ["traced"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def traced(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def traced(*, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def traced(function: Any = None, /, *, name: str | None = None) -> Any:
    """Make every call of a function a region of the Go trace, named after the function.

    Works on functions, methods, class and static methods, with or without parentheses; ``name`` is
    the region's name instead. A coroutine function's region lasts until the coroutine has ended,
    and that of a generator, asynchronous or not, from its first step to its last. Before a library
    is loaded, and while nothing records, the function runs as it is.

    :raises TypeError: this is not a function, or the name not a string.
    """
    if name is not None:
        check_text(name, "the name for @traced")
    if function is None:
        return functools.partial(traced, name=name)
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(traced(name=name)(function.__func__))
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"@traced is for functions, not for {function!r:.80}; trace its methods")
    if name is None:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
    wrapper = _wrapper_for(function, name)
    functools.update_wrapper(wrapper, function)
    return wrapper


def _wrapper_for(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, name)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, name)
    if inspect.isgeneratorfunction(function):
        wrapper = _generator(function, name)
        if function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE:
            return types.coroutine(wrapper)
        return wrapper
    return _plain(function, name)


def _begin(name: str, *, nests: bool) -> OpenRegion | None:
    """Begin a region if anything records."""
    annotations = active.annotations
    if annotations is None or not annotations.on or is_forked():
        return None
    return OpenRegion(annotations, name, current_task_number(), nests=nests)


def _plain(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        annotations = active.annotations
        if annotations is None or not annotations.on:
            return function(*args, **kwargs)
        region = _begin(name, nests=not in_greenlet())  # nothing else can suspend this frame
        try:
            return function(*args, **kwargs)
        finally:
            if region is not None:
                region.end()

    return call


def _coroutine(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        region = _begin(name, nests=False)
        try:
            return await function(*args, **kwargs)
        finally:
            if region is not None:
                region.end()

    return call


def _generator(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        region = _begin(name, nests=False)
        try:
            return (yield from function(*args, **kwargs))
        finally:
            if region is not None:
                region.end()

    return call


def _async_generator(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        region = _begin(name, nests=False)
        inner = function(*args, **kwargs)
        try:
            # What ``yield from`` does, which asynchronous generators do not have.
            step = inner.__anext__()
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield value
                except GeneratorExit:
                    raise
                except BaseException as exc:
                    step = inner.athrow(exc)
                else:
                    step = inner.asend(sent)
        finally:
            try:
                await inner.aclose()
            finally:
                if region is not None:
                    region.end()

    return call
