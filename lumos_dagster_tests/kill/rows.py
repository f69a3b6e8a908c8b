"""The rows of the matrix: those in the target before, those that are loaded, and what must be there after."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from lumos_dagster_tests.kill.matrix import Line

Row = tuple[str, str]

_WIDE = 750
"""Wide enough that the rows outgrow SQLite's cache, so that a killed load has pages of its own in the file."""


def _row(number: int, text: str) -> Row:
    digits = "".join(hashlib.sha256(f"{text} {number} {part}".encode()).hexdigest() for part in range(_WIDE // 64))
    return str(number), f"{text} {number} {digits}"


OLD = tuple(_row(number, "old") for number in range(1, 201))
NEW = tuple(_row(number, "new") for number in (*range(101, 201), *range(1001, 3901)))
NEW_IDS = tuple(_row(number, "new") for number in range(1001, 4001))


def new_rows(line: Line) -> Sequence[Row]:
    """What is loaded: where no key may come twice, none that is there already."""
    return NEW_IDS if line.own_ids else NEW


def expected(line: Line) -> list[Row]:
    """What the target holds after the load, worked out without the product."""
    new = new_rows(line)
    by_key = dict(new)
    match line.merge:
        case "insert" | "append":
            return [*OLD, *new]
        case "replace" | "truncate" | "overwrite":
            return list(new)
        case "update":
            return [(key, by_key.get(key, text)) for key, text in OLD]
        case "upsert" | "delete_insert":
            return [*((key, text) for key, text in OLD if key not in by_key), *new]
    raise AssertionError(f"nobody has said what {line.merge} comes to")


def digest(rows: Iterable[Sequence[object]], ordered: bool = False) -> str:
    """The rows as one short text: how many, and a hash in which each row counts as often as it is there."""
    texts = ["\x1f".join(map(str, row)) for row in rows]
    if not ordered:
        texts.sort()
    return f"{len(texts)} rows {hashlib.sha256(chr(30).join(texts).encode()).hexdigest()[:16]}"


def write_csv(path: Path, rows: Iterable[Row], key: str = "id") -> None:
    """A CSV file of these rows."""
    path.write_text(f"{key},name\n" + "".join(f"{number},{text}\n" for number, text in rows))
