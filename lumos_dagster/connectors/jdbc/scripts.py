"""A user's SQL script, statement by statement, for drivers that take one at a time."""

import re
from collections.abc import Iterator

from lumos_dagster.connectors.jdbc.query import TOKEN

_SLASH = re.compile(r"(?m)^\s*/\s*$")
_COMMENTS = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*", re.DOTALL)
_BLOCK = re.compile(
    r"(?i)(?:BEGIN|DECLARE|<<|CREATE\s+(?:OR\s+REPLACE\s+)?(?:\w+\s+)?(?:PROCEDURE|FUNCTION|PACKAGE|TRIGGER|TYPE))\b"
)


def statements(script: str) -> Iterator[str]:
    """The statements, without the semicolons that end them; a block of PL/SQL, which a line of / ends, as it is."""
    for part in _SLASH.split(script):
        if _BLOCK.match(part, _start(part)):
            yield part.strip()
            continue
        begun = 0
        for match in TOKEN.finditer(part):
            if match["end"]:
                yield from _unless_empty(part[begun : match.start()])
                begun = match.end()
        yield from _unless_empty(part[begun:])


def first_word(statement: str) -> str:
    """What kind of statement it is, in capitals."""
    words = statement[_start(statement) :].split(None, 1)
    return words[0].upper() if words else ""


def _start(text: str) -> int:
    match = _COMMENTS.match(text)
    return match.end() if match else 0


def _unless_empty(text: str) -> Iterator[str]:
    if text[_start(text) :].strip():
        yield text.strip()
