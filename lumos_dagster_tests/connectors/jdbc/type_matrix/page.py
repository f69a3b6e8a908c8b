"""docs/types.md: each section is what a test has found, and the test fails where the page says something else."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lumos_dagster_tests.connectors.jdbc.type_matrix import WRITES
from lumos_dagster_tests.connectors.jdbc.type_matrix.differences import DIFFERENCES, ITSELF
from lumos_dagster_tests.connectors.jdbc.type_matrix.trying import Cell, Tried

PAGE = Path(__file__).parents[4] / "docs" / "types.md"

TITLES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB", "sqlite": "SQLite", "duckdb": "DuckDB"}
HEAD = """# Types: from the source through Arrow to the target

Written by `python -m lumos_dagster_tests.connectors.jdbc.type_matrix --write` from what the tests find; `make test`
fails where this page says something else.

Each type of each database is tried with the values at its ends and a null. They are read by `table_name`, loaded into
a table of the same DDL in the same database, and with `create_table: true` into each of the four databases; then they
are read back and compared, value for value. A cell names the target's column type. Where nothing else is said, every
value came back exactly as it was. A number in brackets leads to what did not.

Instants are kept by MariaDB in a `datetime(6)` with the comment `UTC`, as its `TIMESTAMP` ends in 2038: `table_name`
reads them as instants, a `query` as local times in UTC.
"""
_LONGEST = 60


def section(source: str, before: Sequence[str], tried: Sequence[Tried]) -> str:
    """The matrix of one source; `before` is what was run before its tables were made."""
    notes: list[str] = []
    lines = [
        *([f"Run first: {'; '.join(f'`{statement}`' for statement in before)}.", ""] if before else []),
        f"| {TITLES[source]} | Arrow | the same DDL | {' | '.join(f'made in {title}' for title in TITLES.values())} |",
        "|" + "---|" * (3 + len(TITLES)),
    ]
    for one in tried:
        cells = [f"`{one.native.declared}`" if one.native.declared else "(no type)", f"`{one.arrow}`"]
        if one.outside:
            values = ", ".join(f"`{_short(value)}`" for value in one.outside)
            cells[1] += _noted(notes, f"{values}: outside of what Arrow's type holds, so that reading is an error.")
        cells.append("exact" + _told(notes, source, one, ITSELF, one.itself))
        cells += [f"`{cell.made}`" + _told(notes, source, one, name, cell) for name, cell in one.targets.items()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{number}. {note}" for number, note in enumerate(notes, 1)), ""])


def hold(title: str, text: str) -> None:
    """See that the page has this section, or write it where that is asked for."""
    sections = found()
    if os.environ.get(WRITES):
        sections[title] = text
        parts = [HEAD, *(f"## {name}\n\n{sections[name]}" for name in ORDER if name in sections)]
        PAGE.write_text("\n".join(parts), "utf-8")
        return
    assert sections.get(title) == text, f"{PAGE.name} is old: python -m {__package__} --write"


def found() -> dict[str, str]:
    """The sections that the page has."""
    _, *parts = re.split(r"^## (.*)\n\n", PAGE.read_text("utf-8") if PAGE.exists() else "", flags=re.MULTILINE)
    ends = len(parts) - 1
    return {name: text if at * 2 + 1 == ends else text.removesuffix("\n")
            for at, (name, text) in enumerate(zip(parts[::2], parts[1::2], strict=True))}  # fmt: skip


MADE, SQL_SERVER, ORACLE = "Columns that are made", "From SQL Server", "From Oracle"
ORDER = [MADE, *(f"From {title}" for title in TITLES.values()), SQL_SERVER, ORACLE]


def _told(notes: list[str], source: str, tried: Tried, target: str, cell: Cell) -> str:
    if not cell.refused and not cell.changed:
        return ""
    told = [f"`{_short(value)}` is a bad row: {_unnamed(reason)}." for value, reason in cell.refused]
    changes = "; ".join(f"`{_short(old)}` becomes `{_short(new)}`" for old, new in cell.changed)
    reason = DIFFERENCES.get((source, tried.native.declared, target), "not declared")
    return _noted(notes, " ".join([*told, *([f"{changes}: {reason}."] if changes else [])]))


def _noted(notes: list[str], note: str) -> str:
    if note not in notes:
        notes.append(note)
    return f" [{notes.index(note) + 1}]"


def _unnamed(reason: str) -> str:
    return re.sub(r"column 'c\d+'", "the column", reason)


def _short(value: str) -> str:
    value = re.sub(r"[\x00-\x1f]", lambda found: repr(found[0])[1:-1], value)
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
