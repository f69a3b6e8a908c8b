"""The reject store: rows that were put aside, one JSON object a line, to be seen, mended and loaded again.

A value that JSON has no word for is an object with one key that begins with `$` (`{"$decimal": "1.50"}`), so that a
kept row comes back with the values that it had.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Literal

from lumos_dagster.files import filesystem, is_local, join, open_atomic, open_input

State = Literal["kept", "failed", "superseded"]
"""kept: of an attempt that succeeded. failed: evidence of one that did not. superseded: a later attempt read the rows
again, so these are not to be counted beside its own."""

_FILE = re.compile(r"(?P<op>.+)\.(?P<attempt>\d+)\.(?P<kind>jsonl|json)")


@dataclass(frozen=True)
class Attempt:
    """One attempt of one op in the store; `load` names the run that began the load, `at` is when it started (UTC)."""

    storage: str
    job: str
    load: str
    run: str
    op: str
    attempt: int
    at: str

    @property
    def url(self) -> str:
        """Where its rejected rows are."""
        return f"{self._place}.jsonl"

    def write(self, lines: BinaryIO) -> None:
        """Publish the rows that were put aside, readable by their owner only."""
        _make_private(self.storage, self.run)
        lines.seek(0)
        with open_atomic(self.url, mode=0o600) as stream:
            while block := lines.read(1 << 20):
                stream.write(block)

    def settle(self, rejected: int) -> None:
        """Note that the attempt succeeded: its rejects count, and those of earlier attempts no longer do."""
        if rejected or self.attempt or self.run != self.load:
            _make_private(self.storage, self.run)
            told = {**vars(self), "rejected": rejected}
            with open_atomic(f"{self._place}.json", mode=0o600) as stream:
                stream.write(json.dumps(told, ensure_ascii=False).encode())

    @property
    def _place(self) -> str:
        return join(self.storage, "rejects", self.run, f"{self.op}.{self.attempt}")


@dataclass(frozen=True)
class Kept:
    """The rejects of one attempt as they are found in the store; `reason` is the commonest."""

    attempt: Attempt
    rows: int
    reason: str
    state: State

    def records(self) -> Iterator[dict[str, Any]]:
        """Each rejected row, with what was wrong with it."""
        return _records(self.attempt.url) if self.rows else iter(())


def line(record: Mapping[str, Any]) -> bytes:
    """A record as a line of the store."""
    return json.dumps(_encoded(record), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def find(storage: str, run: str | None = None) -> list[Kept]:
    """What the store holds of one run or of all, the oldest first.

    All runs are looked at to tell what is superseded, since a resume is a run of its own.
    """
    found = [kept for name in _names(join(storage, "rejects")) for kept in _of_run(storage, name)]
    found.sort(key=lambda kept: (kept.attempt.at, kept.attempt.attempt))
    last = {(kept.attempt.load, kept.attempt.op): kept.attempt for kept in found}
    told = (
        kept if last[kept.attempt.load, kept.attempt.op] == kept.attempt else replace(kept, state="superseded")
        for kept in found
    )
    return [kept for kept in told if kept.rows and run in (None, kept.attempt.run)]


def _of_run(storage: str, run: str) -> Iterator[Kept]:
    folder = join(storage, "rejects", run)
    files: dict[tuple[str, int], set[str]] = {}
    for name in _names(folder):
        if match := _FILE.fullmatch(name):
            files.setdefault((match["op"], int(match["attempt"])), set()).add(match["kind"])
    for (op, number), kinds in files.items():
        place = join(folder, f"{op}.{number}")
        told = _told(f"{place}.json") if "json" in kinds else {}
        rows, reasons, first = 0, dict[str, int](), told
        for record in _records(f"{place}.jsonl") if "jsonl" in kinds else ():
            rows, first = rows + 1, first or record
            reasons[record["reason"]] = reasons.get(record["reason"], 0) + 1
        if first:
            attempt = Attempt(storage, first["job"], first.get("load", run), run, op, number, first.get("at", ""))
            yield Kept(attempt, rows, max(reasons, key=reasons.__getitem__, default=""), "kept" if told else "failed")


def _told(url: str) -> dict[str, Any]:
    with open_input(url) as stream:
        told: dict[str, Any] = json.load(stream)
    return told


def _records(url: str) -> Iterator[dict[str, Any]]:
    with open_input(url) as stream:
        for text in stream:
            record: dict[str, Any] = _decoded(json.loads(text))
            yield record


def _names(folder: str) -> list[str]:
    file_system, path = filesystem(folder)
    file_system.invalidate_cache()
    with suppress(FileNotFoundError):
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in file_system.ls(path, detail=False))
    return []


def _make_private(storage: str, run: str) -> None:
    """Nobody but the owner may even list what was rejected."""
    if is_local(storage):
        folder = Path(filesystem(join(storage, "rejects"))[1])
        folder.parent.mkdir(parents=True, exist_ok=True)
        for private in (folder, folder / run):
            private.mkdir(mode=0o700, exist_ok=True)


def _encoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {str(name): _encoded(item) for name, item in value.items()}
        return {"$object": plain} if any(name.startswith("$") for name in plain) else plain
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for kind, word, spell in _SPELLED:
        if isinstance(value, kind):
            return {word: spell(value)}
    return str(value)


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        word, inner = next(iter(value.items()))
        if word == "$object":
            return {name: _decoded(item) for name, item in inner.items()}
        if word in _READ:
            return _READ[word](inner)
    return {name: _decoded(item) for name, item in value.items()}


def _timestamp(text: str) -> datetime:
    """Python knows microseconds only, and would drop what is finer without a word."""
    if not re.search(r"\.\d{7,}", text):
        return datetime.fromisoformat(text)
    import pandas as pd

    return pd.Timestamp(text)


def _spelled_duration(value: timedelta) -> str:
    import pandas as pd

    return pd.Timedelta(value).isoformat()


def _duration(text: str) -> timedelta:
    import pandas as pd

    return pd.Timedelta(text).to_pytimedelta()


_SPELLED: tuple[tuple[type, str, Callable[[Any], str]], ...] = (
    (Decimal, "$decimal", str),
    (bytes, "$binary", bytes.hex),
    (datetime, "$timestamp", lambda value: str(value.isoformat())),
    (date, "$date", date.isoformat),
    (time, "$time", time.isoformat),
    (timedelta, "$duration", _spelled_duration),
)
"""The first that a value is one of counts: a datetime is a date too."""
_READ: Mapping[str, Callable[[str], Any]] = {
    "$float": float,
    "$decimal": Decimal,
    "$binary": bytes.fromhex,
    "$timestamp": _timestamp,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$duration": _duration,
}


def command(run: str, ops: Iterable[str]) -> str:
    """What to type to see the rejected rows."""
    named = list(ops)
    return f"lumos rejects show {run}" + (f" --op {named[0]}" if len(named) == 1 else "")
