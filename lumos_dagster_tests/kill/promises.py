"""docs/promises.md, generated from the matrix."""

from pathlib import Path

from lumos_dagster_tests.kill.matrix import EXECUTIONS, HARMS, LINES, MEANING, Promise

PAGE = Path(__file__).parents[2] / "docs" / "promises.md"

_HEAD = """# What a load that dies keeps

<!-- Generated from lumos_dagster_tests/kill/matrix.py by `make kill-matrix`; a test holds the two against each other. -->

Each line is proved by harming real loads, in {executions} execution: a `lumos run` is killed or loses its server,
its line or its room; the target is looked at; `lumos run --resume` ends the load; and the target must then hold exactly
the rows that it holds when nothing happens, with nothing left beside it. `make kill-matrix` does that more than 200
times and counts each harm; a sample is among the default tests. The rows are read from CSV; with `from postgresql` from
there, so that they go on in the bytes that it sends, past the batches.

{harms}

What the promises mean:

{meanings}

| target | mode | a load that dies is | old rows can be read until the end |
|---|---|---|---|
"""
_READABLE: dict[Promise, str] = {
    "transactional": "yes",
    "resumable": "mixed with new ones",
    "idempotent": "mixed with new ones",
}


def page() -> str:
    """The text of the page."""
    meanings = "\n".join(f"- **{promise}**: {text}" for promise, text in MEANING.items())
    harms = "\n".join(f"- **{harm}**: {text}" for harm, text in HARMS.items())
    head = _HEAD.format(executions=" and ".join(EXECUTIONS), harms=harms, meanings=meanings)
    rows = (f"| {line.target} | {line.mode} | {line.promise} | {_READABLE[line.promise]} |\n" for line in LINES)
    return head + "".join(rows)
