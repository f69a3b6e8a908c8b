"""What `lumos plugin new --driver wasm` writes: it builds, and does what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.making import make_plugin
from lumos_dagster.plugins.store import read_source
from lumos_dagster_tests.plugins.wasm.guests import Guests

ROWS = pa.table({"word": ["one", None, "three"]})


def built(folder: Path, kind: Kind) -> Path:
    home, _ = make_plugin("my-first", "wasm", kind, folder)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "build.sh"], cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    manifest = read_source(home).manifest
    assert (manifest.name, manifest.kinds, manifest.abi) == ("my-first", (kind,), "lumos:plugin@2")
    return home / manifest.entry


def test_the_extractor_counts(guests: Guests) -> None:
    rows = guests.extract(built(guests.folder, "extractor"), {"from": 9, "to": 60_010})

    assert rows.column("number").to_pylist() == list(range(9, 60_011))


@pytest.mark.parametrize("to", ["length", "word"])
def test_the_transformer_measures(guests: Guests, to: str) -> None:
    rows = guests.transform(built(guests.folder, "transformer"), ROWS, {"field": "word", "to": to})

    assert [str(value) for value in rows.column(to).to_pylist()] == ["3", "None", "5"]


def test_the_loader_tells_how_many(guests: Guests) -> None:
    assert guests.load(built(guests.folder, "loader"), ROWS, {"title": "words"}) == 3
    assert guests.lines == [*(f'info: {{"word":{word}}}' for word in ('"one"', "null", '"three"')), "info: 3 words"]
