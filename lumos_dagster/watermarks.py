"""Watermarks: how far an incremental read has come. Fixed once per load, and kept with the rows by their loader."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from lumos_dagster.files import filesystem, join, open_atomic, open_input
from lumos_dagster.values import RunContext


@dataclass(frozen=True)
class Watermark:
    """The greatest value that was read, as exact text, and the name of its Arrow type."""

    value: str
    kind: str


@dataclass(frozen=True)
class Window:
    """The rows that one load takes: those after `after`, up to and with `until`.

    `after` is the watermark of the last load, None before the first; `until` is None where there never was a row.
    """

    after: Watermark | None
    until: Watermark | None


FindWindow = Callable[[Watermark | None], Window]
"""Gives the window that follows a watermark."""


def fixed_window(run: RunContext, op: str, find: Callable[[], Window]) -> Window:
    """The window of the extractor `op` in this load: the first read finds it, every retry and resume takes the same."""
    window = known_window(run, op)
    if window is None:
        window = find()
        with open_atomic(_url(run, op), mode=0o600) as stream:
            stream.write(json.dumps(asdict(window)).encode())
    return window


def known_window(run: RunContext, op: str) -> Window | None:
    """The same, None where nobody has read yet."""
    file_system, path = filesystem(_url(run, op))
    if not file_system.exists(path):
        return None
    with open_input(_url(run, op)) as stream:
        told = json.load(stream)
    return Window(*(mark and Watermark(**mark) for mark in (told["after"], told["until"])))


def _url(run: RunContext, op: str) -> str:
    return join(run.storage, "watermarks", run.load_id, run.job, f"{op}.json")
