"""What the options of the CSV extractor and loader share."""

import codecs
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

_PROBE = 'a,"b"\\u0041\n'


def _known(encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise ValueError(
            f"{encoding!r} is not an encoding that Python knows, such as utf-8, latin-1 or gb18030"
        ) from error
    if not _keeps(codec.name):
        raise ValueError(f"{encoding!r} does not give every text of a file back; choose utf-8")
    return codec.name


def _keeps(encoding: str) -> bool:
    """Whether a text that is written in two pieces is read back: not so for idna, punycode, raw_unicode_escape."""
    try:
        encoder = codecs.getincrementalencoder(encoding)()
        decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")  # one that can tell its wrong bytes
        pieces = [encoder.encode(_PROBE), encoder.encode(_PROBE)]
        return (
            "".join(decoder.decode(piece, final) for piece, final in zip(pieces, (False, True), strict=True))
            == _PROBE * 2
        )
    except (LookupError, UnicodeError):
        return False


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("cannot hold the end of a line")
    if any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in text):
        raise ValueError("cannot hold a NUL or half a character")
    return text


def _mark(text: str) -> str:
    if len(text) > 1 or not text.isascii():
        raise ValueError("must be one ASCII character, or empty for none")
    return _one_line(text)


Encoding = Annotated[str, AfterValidator(_known)]
"""The name of an encoding."""
OneLine = Annotated[str, AfterValidator(_one_line)]
"""A text without the end of a line in it."""
Mark = Annotated[str, AfterValidator(_mark)]
"""One ASCII character or none."""


def check_marks(marks: Mapping[str, str]) -> None:
    """Raise ValueError where the same text has two meanings."""
    used: dict[str, str] = {}
    for name, mark in marks.items():
        if mark and mark in used:
            raise ValueError(f"{name} and {used[mark]} are both {mark!r}")
        used[mark] = name
    delimiter = marks["delimiter"]
    for name, mark in marks.items():
        if name != "delimiter" and mark and mark in delimiter:
            raise ValueError(f"{name} {mark!r} is a part of the delimiter {delimiter!r}")
