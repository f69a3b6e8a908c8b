"""The format language: a text of tokens and literals, by moment's names or strftime's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TOKENS = (
    "YYYY", "YY", "GGGG", "GG", "gggg", "gg", "Qo", "Q",
    "MMMM", "MMM", "MM", "Mo", "M", "DDDD", "DDDo", "DDD", "DD",
    "Do", "D", "dddd", "ddd", "dd", "do", "d", "WW", "Wo", "W", "ww", "wo", "w", "E", "e", "HH", "H", "hh", "h",
    "kk", "k", "mm", "m", "ss", "s", "A", "a", "ZZ", "Z", "X", "x", *("S" * count for count in range(9, 0, -1)),
)  # fmt: skip
"""What is understood, the longer of two with the same beginning first."""

_TIME_TOKENS = frozenset(
    {"HH", "H", "hh", "h", "kk", "k", "mm", "m", "ss", "s", "A", "a", "ZZ", "Z", "X", "x"}
    | {"S" * count for count in range(1, 10)}
)
DATE_TOKENS = frozenset(TOKENS) - _TIME_TOKENS
YEAR_TOKENS = frozenset({"YYYY", "YY", "GGGG"})
UNIX_TOKENS = frozenset({"X", "x"})
ZONE_TOKENS = frozenset({"ZZ", "Z"})

# Moment gives these letters a meaning that is not offered here: a format with one would be misread.
_OTHER_TOKENS = re.compile(r"N|Y+|y|g+|G+|z|L|l")
_MOMENT = re.compile(
    rf"\[(?P<literal>[^\]]*)\]|\\(?P<escaped>{'|'.join(TOKENS)})"
    rf"|(?P<token>(?!Y{{5}}|G{{5}}|g{{5}})(?:{'|'.join(TOKENS)}))(?!o)|(?P<other>.)",
    re.DOTALL,
)
_LITERAL = re.compile(r"\[[^\]]*\]")
_STRFTIME = re.compile(r"%(?P<directive>[-:]?.)|(?P<literal>[^%]+)|(?P<other>%)", re.DOTALL)
_DIRECTIVES: Mapping[str, tuple[str, ...]] = {
    "Y": ("YYYY",), "y": ("YY",), "m": ("MM",), "-m": ("M",), "d": ("DD",), "-d": ("D",), "H": ("HH",), "-H": ("H",),
    "I": ("hh",), "-I": ("h",), "M": ("mm",), "-M": ("m",), "S": ("ss",), "-S": ("s",), "f": ("SSSSSS",), "p": ("A",),
    "P": ("a",), "b": ("MMM",), "B": ("MMMM",), "a": ("ddd",), "A": ("dddd",), "j": ("DDDD",), "-j": ("DDD",),
    "z": ("ZZ",), ":z": ("Z",), "s": ("X",), "F": ("YYYY", "-", "MM", "-", "DD"), "R": ("HH", ":", "mm"),
    "G": ("GGGG",), "g": ("GG",), "V": ("WW",), "u": ("E",), "w": ("d",), "T": ("HH", ":", "mm", ":", "ss"),
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A token, or a literal text."""

    text: str
    is_token: bool


@dataclass(frozen=True)
class Format:
    """A format, taken apart."""

    pieces: tuple[Piece, ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens in order."""
        return tuple(piece.text for piece in self.pieces if piece.is_token)

    def has(self, tokens: frozenset[str]) -> bool:
        """Whether one of these tokens is in it."""
        return not tokens.isdisjoint(self.tokens)

    @property
    def tells_the_date(self) -> bool:
        """Whether a text of this format says which day it is."""
        return self.has(YEAR_TOKENS | UNIX_TOKENS)

    @property
    def tells_the_time(self) -> bool:
        """Whether a text of this format says more than which day it is."""
        return self.has(_TIME_TOKENS)

    @property
    def needs_the_date(self) -> bool:
        """Whether writing it takes to know which day it is."""
        return self.has(DATE_TOKENS | UNIX_TOKENS)


def parse_format(text: str) -> Format:
    """The format that a text spells: strftime's where a `%` is in it outside [ ], else moment's. Raises ValueError."""
    pieces = tuple(_strftime(text) if "%" in _LITERAL.sub("", text) else _moment(text))
    if not any(piece.is_token for piece in pieces):
        raise ValueError(f"{text!r} has no date token in it, such as YYYY, MM, DD, HH, mm, ss")
    return Format(pieces)


def _moment(text: str) -> Iterator[Piece]:
    place = 0
    while place < len(text):
        found = _MOMENT.match(text, place)
        assert found is not None  # noqa: S101 - its last branch takes any character
        if found["token"]:
            yield Piece(found["token"], is_token=True)
        elif found["other"]:
            if unknown := _OTHER_TOKENS.match(text, place):
                known = " ".join(token for token in TOKENS if not token.startswith("SSSS"))
                raise ValueError(
                    f"{text!r}: the token {unknown[0]} is not understood; known: {known}; plain text stands in [ ]"
                )
            yield Piece(found["other"], is_token=False)
        else:
            yield Piece(found["literal"] or found["escaped"] or "", is_token=False)
        place = found.end()


def _strftime(text: str) -> Iterator[Piece]:
    for found in _STRFTIME.finditer(text):
        if found["literal"]:
            yield Piece(found["literal"], is_token=False)
        elif found["directive"] == "%":
            yield Piece("%", is_token=False)
        elif found["directive"] in _DIRECTIVES:
            yield from (Piece(part, part in TOKENS) for part in _DIRECTIVES[found["directive"]])
        else:
            known = " ".join(f"%{directive}" for directive in _DIRECTIVES)
            raise ValueError(f"{text!r}: {found[0]} is not understood; known: {known} %%")
