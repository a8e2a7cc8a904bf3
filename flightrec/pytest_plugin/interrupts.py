"""SIGTERM and Ctrl-C: the window is kept before the session ends.

Python calls its signal handlers on the main thread, between two of its instructions. A test that
hangs in Go lets it do so never. So the C part of the handler also wakes a thread of ours
(``signal.set_wakeup_fd``), which keeps the window if the main thread does not come to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

__all__ = ["Interrupts"]

#: How long the main thread has before the window is kept without it, in seconds.
_PATIENCE: Final = 1.0


class Interrupts:
    """Keeps the window at SIGTERM, as far as nobody else handles it, and at Ctrl-C.

    SIGTERM still ends the process, as it would have.

    :param keep: keeps the window, once; called on the main thread or another.
    """

    def __init__(self, keep: Callable[[str, str], object]) -> None:
        self._keep = keep
        self._pid = os.getpid()
        self._installed = False
        self._done = threading.Event()
        self._wakes: socket.socket | None = None
        self._woken: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def install(self) -> None:
        """Install handler and thread; a second call, or one on another thread, does nothing."""
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        self._installed = True
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)
        self._wakes, self._woken = socket.socketpair()
        self._wakes.setblocking(False)
        before = signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        if before != -1:  # somebody else is woken already: the handler must do
            signal.set_wakeup_fd(before)
            return
        os.register_at_fork(after_in_child=self._forked)
        self._thread = threading.Thread(target=self._run, name="flightrec-interrupts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Remove them."""
        if not self._installed or threading.current_thread() is not threading.main_thread():
            return
        self._installed = False
        if self._is_ours():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        assert self._wakes is not None
        assert self._woken is not None
        if self._thread is not None:
            before = signal.set_wakeup_fd(-1)
            if before not in (-1, self._wakes.fileno()):
                signal.set_wakeup_fd(before)
        self._done.set()
        self._wakes.close()  # its end is what the thread reads then
        if self._thread is not None:
            self._thread.join(5.0)
        self._woken.close()

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._pid:
            self._keep("interrupt", "SIGTERM ended the session")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    def _is_ours(self) -> bool:
        return signal.getsignal(signal.SIGTERM) == self._terminated

    def _forked(self) -> None:
        """In a child: its signals must not look like its parent's."""
        if self._installed and self._thread is not None:
            with contextlib.suppress(ValueError):
                signal.set_wakeup_fd(-1)

    def _run(self) -> None:
        assert self._woken is not None
        while numbers := self._woken.recv(64):
            stops = {signal.SIGINT, signal.SIGTERM} & set(numbers)
            if not stops or self._done.wait(_PATIENCE):
                continue
            name = "SIGTERM" if signal.SIGTERM in stops else "Ctrl-C"
            self._keep("interrupt", f"{name}, while the test hung outside of Python")
            if signal.SIGTERM in stops and self._is_ours():
                # Only the main thread may do that through Python, and it hangs.
                with contextlib.suppress(Exception):
                    import ctypes

                    ctypes.CDLL(None).signal(int(signal.SIGTERM), None)
                os.kill(os.getpid(), signal.SIGTERM)
