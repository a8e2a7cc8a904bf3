"""What the library logs, said by a command that runs a program."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flightrec.cli.voice import Voice

__all__ = ["LogVoice"]


class LogVoice(logging.Handler):
    """Says warnings and errors: a snapshot that could not be saved, for example."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(logging.WARNING)
        self._voice = voice
        self._logger = logging.getLogger("flightrec")
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, even if the command is to be quiet."""
        self._voice.say(self.format(record), always=True)

    def close(self) -> None:
        """Say nothing more."""
        self._logger.removeHandler(self)
        super().close()
