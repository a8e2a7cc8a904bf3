"""A rule's text, cut into words, names, numbers and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flightrec.errors import RuleError

__all__ = ["Token", "scan"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a rule's text.

    :ivar kind: ``metric``, ``number``, ``string``, ``operator``, ``(``, ``)``, ``word`` or ``end``.
    :ivar text: as it stands there; of a string, what it stands for.
    :ivar position: of its first character, from 0.
    """

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<metric>/[^\s:()"'<>=!]+:[^\s:()"'<>=!]+)
    | (?P<number>(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[A-Za-zµμ]+|%)?(?:/s(?![A-Za-z0-9]))?)
    | (?P<string>"(?:[^"\\]|\\["\\])*"|'(?:[^'\\]|\\['\\])*')
    | (?P<operator>>=|<=|==|!=|>|<)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<word>[A-Za-z_][A-Za-z0-9_.-]*)
    """,
    re.VERBOSE,
)


def scan(text: str) -> list[Token]:
    """Cut a rule's text into tokens; the last one is of kind ``end``.

    :raises RuleError: something that is none of them.
    """
    tokens = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _odd(text, at)
        kind, piece = str(match.lastgroup), match[0]
        if kind == "string":
            piece = re.sub(r"\\(.)", r"\1", piece[1:-1])
        if kind != "space":
            tokens.append(Token({"open": "(", "close": ")"}.get(kind, kind), piece, at))
        at = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def _odd(text: str, at: int) -> RuleError:
    rest = text[at:]
    if rest[0] in "\"'":
        message, suggestion = "a quote that is not closed", f"put a {rest[0]} behind the name"
        if "\\" in rest:
            suggestion += ", and write a backslash in it as \\\\"
    elif rest[0] == "=":
        message = "'=' is no comparison"
        suggestion = {"=>": "write >=", "=<": "write <="}.get(rest[:2], "write ==")
    elif rest[0] == "," and text[at - 1 : at].isdecimal():
        message, suggestion = "a comma in a number", "leave it out, or write _ instead"
    elif rest[0] in "&|":
        message, suggestion = f"{rest[0]!r} is not understood", "write 'and' or 'or'"
    elif rest[0] == "/":
        message = "a metric's name without its unit"
        suggestion = "write it as runtime/metrics does, with a colon and the unit behind it"
    else:
        message = f"{rest[0]!r} is not understood"
        suggestion = "a rule is made of names, numbers with units, comparisons, 'and', 'or', 'for'"
    return RuleError(message, rule=text, position=at, suggestion=suggestion)
