"""The middleware by itself: what servers and applications see, and what fires."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import demo_app
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

import flightrec
from flightrec.rules import attach
from flightrec.rules.attach import when
from flightrec.rules.firing import Firing
from flightrec.web.asgi import asgi
from flightrec.web.names import template_of
from flightrec.web.wsgi import wsgi
from tests.helpers import Child, together, until
from tests.helpers_go import Judge

pytestmark = pytest.mark.pythons


@pytest.fixture(autouse=True)
def _closed(recorder: flightrec.FlightRecorder) -> Iterator[None]:
    yield
    if engine := attach.existing_engine(recorder):
        engine.close()


@pytest.fixture
def fired(recorder: flightrec.FlightRecorder) -> list[Firing]:
    """What a rule on all requests has fired."""
    found: list[Firing] = []
    rule = "http slower than 1ns or http status >= 1"
    when(recorder, rule, on_fire=found.append, arm_after=0)
    return found


def call(app: Any, path: str = "/", **more: Any) -> tuple[str, bytes]:
    """Call a WSGI application as a server does; return the status and the body."""
    environ: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, **more}
    setup_testing_defaults(environ)
    said: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., Any]:
        said.append(status)
        return lambda data: None

    body = app(environ, start_response)
    try:
        return said[0] if said else "", b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def answer(status: str, body: Iterable[bytes]) -> Any:
    """A WSGI application that answers so."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/plain")])
        return body

    return app


def the_event(fired: list[Firing]) -> Any:
    """The event of the only firing."""
    (firing,) = fired
    assert firing.event is not None
    return firing.event


# ---- WSGI


def test_wsgi_is_transparent(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """Both sides of the middleware keep to PEP 3333, and the answer is the application's."""
    app = validator(wsgi(validator(demo_app), recorder))
    status, body = call(app, "/x", QUERY_STRING="")
    assert status == "200 OK"
    assert body.startswith(b"Hello world!")
    assert the_event(fired).status == 200


def test_wsgi_name(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A request is named by method and path without particulars; the query is never in it."""
    app = wsgi(answer("200 OK", [b""]), recorder)
    call(app, "/users/17/orders", QUERY_STRING="secret=1", REQUEST_METHOD="POST")
    call(app, "/", REQUEST_METHOD="EVIL\n")
    names = [firing.event.name for firing in fired if firing.event is not None]
    assert names == ["POST /users/*/orders", "OTHER /"]


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("", "/"),
        ("/", "/"),
        ("/static/app.js", "/static/app.js"),
        ("/u/2f0e-11/x", "/u/*/x"),
        ("/mail/a@b.example", "/mail/*"),
        ("/" + "x" * 40, "/*"),
        ("/a" * 20, "/a" * 8 + "/…"),
        ("/na\u00efve", "/*"),
    ],
)
def test_templates(path: str, template: str) -> None:
    """Parts of a path that name a particular thing are left out of its template."""
    assert template_of(path) == template


def test_wsgi_saves(recorder: flightrec.FlightRecorder, tmp_path: Path, judge: Judge) -> None:
    """A slow request leaves a snapshot that has it as a task; a fast one leaves none."""
    saved: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            threading.Event().wait(0.6)
        start_response("200 OK", [])
        return [b"done"]

    options: dict[str, Any] = {"arm_after": 0, "on_saved": saved.append}
    watched = wsgi(app, recorder, tmp_path / "s", slower_than=0.5, **options)
    assert call(watched, "/fast")[1] == call(watched, "/slow")[1] == b"done"
    until(lambda: saved, "it is saved")
    assert len(saved) == 1
    begins = [e.text for e in judge.events(saved[0].path) if e.kind == "TaskBegin"]
    assert any('Type="GET /slow"' in text for text in begins)
    facts = json.loads(saved[0].metadata.read_text())
    assert facts["reasons"][0]["event"]["name"] == "GET /slow"
    assert facts["reasons"][0]["event"]["status"] == 200


def test_wsgi_failures(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A status of 500 fires; so does an exception, which goes on to the server."""

    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("no")

    def broken_body() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("no")

    call(wsgi(answer("503 Busy", [b""]), recorder))
    for app in (broken, answer("200 OK", broken_body())):
        with pytest.raises(RuntimeError):
            call(wsgi(app, recorder))
    assert [f.event.status for f in fired if f.event is not None] == [503, 500, 500]


def test_wsgi_streaming(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A streamed answer takes until its last byte, comes as it is made, and is closed."""
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            assert not fired
            threading.Event().wait(0.05)
            yield b"two"

        def close(self) -> None:
            closed.append("yes")

    assert call(wsgi(answer("200 OK", Body()), recorder))[1] == b"onetwo"
    assert closed == ["yes"]
    event = the_event(fired)
    assert event.duration >= 0.05


def test_wsgi_client_goes_away(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A body that the server closes in the middle ends the request."""
    app = wsgi(answer("200 OK", (part for part in [b"a", b"b"])), recorder)
    body: Any = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    assert next(body) == b"a"
    body.close()
    assert the_event(fired).status == 200


def test_wsgi_what_servers_look_for(recorder: flightrec.FlightRecorder) -> None:
    """Lists and the server's own file wrapper come through as they are."""
    parts = [b"a"]
    file = FileWrapper(io.BytesIO(b"content"))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.file_wrapper": FileWrapper}
    for body in (parts, file):
        assert wsgi(answer("200 OK", body), recorder)(environ, lambda *_: None) is body


def test_wsgi_go_work_belongs_to_the_request(
    runtime: flightrec.GoRuntime, recorder: flightrec.FlightRecorder, judge: Judge
) -> None:
    """Logs and tasks of a request, in its body as well, belong to its task."""

    def body() -> Iterator[bytes]:
        runtime.log("test", "in the body")
        yield b""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        runtime.log("test", "in the call")
        start_response("200 OK", [])
        return body()

    call(wsgi(app, recorder), "/x")
    runtime.log("test", "outside")
    events = judge.events(recorder.snapshot())
    (task,) = [e.value("ID") for e in events if e.kind == "TaskBegin" and "GET /x" in e.text]
    owners = {e.value("Message"): e.value("Task") for e in events if 'Category="test"' in e.text}
    assert owners["in the call"] == owners["in the body"] == task
    assert owners["outside"] != task


def test_wsgi_while_nothing_records(
    recorder: flightrec.FlightRecorder, fired: list[Firing]
) -> None:
    """While the recorder is stopped, requests pass through."""
    recorder.stop()
    assert call(wsgi(demo_app, recorder), QUERY_STRING="")[0] == "200 OK"
    assert not fired


def test_maker(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """A function that makes the recorder is called once a process, with the first request."""
    made: list[str] = []

    def make() -> flightrec.FlightRecorder:
        made.append("once")
        return recorder

    app = wsgi(answer("200 OK", [b""]), make)
    assert made == []
    together(4, lambda _: call(app))
    assert made == ["once"]
    assert len(fired) == 4


def test_maker_that_fails(
    recorder: flightrec.FlightRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A recorder that cannot be made is logged once, and requests are answered all the same."""

    def make() -> flightrec.FlightRecorder:
        raise flightrec.LibraryLoadError("there is no library", path="x")

    app = wsgi(answer("200 OK", [b"ok"]), make)
    assert [call(app)[1] for _ in range(3)] == [b"ok"] * 3
    assert caplog.text.count("there is no library") == 1


def test_after_a_fork(child: Child) -> None:
    """In a child that was forked after the library was loaded, requests pass through."""
    child.run(
        """
        import logging
        from flightrec.web.wsgi import wsgi
        logging.disable()
        recorder = flightrec.FlightRecorder()
        recorder.start()
        app = wsgi(lambda environ, start: [b"ok"], recorder)
        pid = fork()
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
        if pid == 0:
            os._exit(app(environ, None) != [b"ok"])
        assert os.waitpid(pid, 0)[1] == 0
        assert app(environ, None) == [b"ok"]
        """
    )


@pytest.mark.parametrize(
    "options", [{"slower_than": 0}, {"slower_than": float("nan")}, {"tail": 1.0}]
)
def test_senseless(recorder: flightrec.FlightRecorder, options: dict[str, Any]) -> None:
    """Options that make no sense are refused where the application is made."""
    with pytest.raises(ValueError, match=r"slower_than|folder"):
        wsgi(demo_app, recorder, **options)
    with pytest.raises(ValueError, match=r"slower_than|folder"):
        asgi(hello, recorder, **options)


def test_refused_before_the_first_request(
    recorder: flightrec.FlightRecorder, tmp_path: Path
) -> None:
    """What makes no recorder, and options of the rule that there are not, are refused at once."""
    with pytest.raises(TypeError, match="a FlightRecorder or a function"):
        wsgi(demo_app, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tial"):
        wsgi(demo_app, lambda: recorder, tmp_path / "s", tial=1.0)
    with pytest.raises(ValueError, match="arm_after"):
        asgi(hello, lambda: recorder, tmp_path / "s", arm_after=-1)


def test_a_function_that_makes_no_recorder(caplog: pytest.LogCaptureFixture) -> None:
    """A function that returns something else is named in the log; requests pass through."""
    app = wsgi(demo_app, lambda: 5)  # type: ignore[arg-type, return-value]
    assert call(app)[0] == "200 OK"
    assert "returned no FlightRecorder, but 5" in caplog.text


# ---- ASGI


def exchange(app: Any, *messages: dict[str, Any], **scope: Any) -> list[dict[str, Any]]:
    """Call an ASGI application as a server does; return what it sent."""
    sent: list[dict[str, Any]] = []
    incoming = iter([{"type": "http.request", "body": b""}, *messages])

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "GET", "path": "/", **scope}, receive, send))
    return sent


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that answers in two parts, and works on after that."""
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await asyncio.sleep(0.02)
    await send({"type": "http.response.body", "body": b"two"})
    await asyncio.sleep(0.2)


def test_asgi(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """An ASGI request takes as long as its answer, not what goes on in the background after."""
    sent = exchange(asgi(hello, recorder), path="/users/17")
    assert [message.get("body") for message in sent] == [None, b"one", b"two"]
    event = the_event(fired)
    assert (event.name, event.status) == ("GET /users/*", 201)
    assert 0.02 <= event.duration < 0.2


def test_asgi_interleaved(recorder: flightrec.FlightRecorder, judge: Judge) -> None:
    """Requests that interleave on one thread keep their tasks apart; the trace is valid."""
    runtime = recorder.runtime

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            runtime.log("test", scope["path"])
            await asyncio.sleep(0.001)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def main() -> None:
        async def nothing(*_: Any) -> Any:
            return None

        watched: Any = asgi(app, recorder)
        scopes = [{"type": "http", "method": "GET", "path": f"/{name}"} for name in "abcd"]
        await asyncio.gather(*(watched(scope, nothing, nothing) for scope in scopes))

    asyncio.run(main())
    events = judge.events(recorder.snapshot())
    tasks = {e.value("ID"): e.value("Type") for e in events if e.kind == "TaskBegin"}
    logs = [(tasks[e.value("Task")], e.value("Message")) for e in events if 'y="test"' in e.text]
    assert len(logs) == 12
    assert all(task == f"GET {path}" for task, path in logs)


def test_asgi_failures(recorder: flightrec.FlightRecorder, fired: list[Firing]) -> None:
    """An exception is a 500 and goes on to the server; a cancelled request is no failure."""

    async def broken(*_: Any) -> None:
        raise RuntimeError("no")

    async def cancelled(*_: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError):
        exchange(asgi(broken, recorder))
    assert the_event(fired).status == 500
    with pytest.raises(asyncio.CancelledError):
        exchange(asgi(cancelled, recorder))
    assert fired[-1].event is not None
    assert fired[-1].event.status is None


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_asgi_others_pass(
    recorder: flightrec.FlightRecorder, fired: list[Firing], kind: str
) -> None:
    """Other protocols pass through."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], await receive()))

    exchange(asgi(app, recorder), type=kind)
    assert seen[0][0] == kind
    assert not fired
