"""Which files have come or changed since a sensor looked last."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lumos_dagster.errors import TransientError
from lumos_dagster.files import filesystem, shown
from lumos_dagster.values import RunContext, resolve

_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "ETag", "etag", "created")
"""What file systems call the time, or the version, of a file."""


@dataclass(frozen=True)
class Arrival:
    """A file that is ready: where it is, and its state, which is another once it is changed."""

    path: str
    state: str

    @property
    def key(self) -> str:
        """What no other file, and no other state of this one, is called."""
        return f"{self.path} {self.state}"


@dataclass(frozen=True)
class Arrivals:
    """The files that are ready, oldest first, the cursor to keep with them, and why there is none."""

    ready: tuple[Arrival, ...]
    cursor: str
    reason: str


def arrivals(path: str, min_age: float, cursor: str | None, run: RunContext, at_most: int) -> Arrivals:
    """What is ready at `path` (a glob, or one file) and was not when `cursor` was kept, `at_most` so many.

    The cursor holds the state of every file that is still there and was told; a file that was taken away is
    forgotten. Raises TransientError where the folder cannot be read, so that the next look tries again.
    """
    seen: dict[str, str] = json.loads(cursor) if cursor else {}
    found = sorted(_files(str(resolve(path, run, "sensors.path"))), key=lambda file: (file[0], file[1].path))
    now = time.time()
    new = [(changed, one) for changed, one in found if seen.get(one.path) != one.state]
    # A time in the future says nothing about how long ago the file was written, only that the clocks differ.
    ready = [one for changed, one in new if changed is None or abs(now - changed) >= min_age][:at_most]
    kept = {one.path: seen[one.path] for _, one in found if one.path in seen}
    kept |= {one.path: one.state for one in ready}
    young = f"{len(new)} files are younger than {min_age:g} s" if new else f"no new file among {len(found)}"
    return Arrivals(tuple(ready), json.dumps(kept), young)


def _files(path: str) -> Iterator[tuple[float, Arrival]]:
    """Each file there, with when it was changed (seconds since 1970; 0 where nobody can tell)."""
    file_system, within = filesystem(path)
    file_system.invalidate_cache()
    try:
        found: Mapping[str, Mapping[str, Any]] = file_system.glob(within, detail=True)
    except OSError as error:
        raise TransientError(f"cannot look for files at {shown(path)}: {error}") from None
    local = "file" in (file_system.protocol if isinstance(file_system.protocol, tuple) else (file_system.protocol,))
    for name, about in found.items():
        if about.get("type") != "file":
            continue
        changed = next((about[key] for key in _CHANGED if about.get(key)), "")
        moment = changed.timestamp() if isinstance(changed, datetime) else changed
        state = f"{moment} {about.get('size')}"
        url = name if local else file_system.unstrip_protocol(name)
        yield moment if isinstance(moment, int | float) else 0.0, Arrival(str(url), state)
