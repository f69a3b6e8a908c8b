"""docs/promises.md, generated from the matrix."""

from pathlib import Path

from lumos_dagster_tests.kill.matrix import EXECUTIONS, LINES, MEANING, Promise

PAGE = Path(__file__).parents[2] / "docs" / "promises.md"

_HEAD = """# What a load that dies keeps

<!-- Generated from lumos_dagster_tests/kill/matrix.py by `make kill-matrix`; a test holds the two against each other. -->

Each line is proved by killing real loads: a `lumos run` dies by SIGKILL before and after its commits, renames and
round trips and at steps chosen at random, in {executions} execution; the target is looked at; `lumos run --resume`
ends the load; and the target must then hold exactly the rows that it holds when nobody dies, with nothing left beside it.
`make kill-matrix` does that more than 200 times.

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
    head = _HEAD.format(executions=" and ".join(EXECUTIONS), meanings=meanings)
    rows = (f"| {line.target} | {line.mode} | {line.promise} | {_READABLE[line.promise]} |\n" for line in LINES)
    return head + "".join(rows)
