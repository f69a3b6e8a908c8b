"""What is installed stands beside the built-in components, and job files cannot tell the difference."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import parse_job
from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.errors import ConfigError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.manifest import Manifest
from lumos_dagster.plugins.project import load_plugins
from lumos_dagster.plugins.python import _imported
from lumos_dagster.plugins.store import install
from lumos_dagster_tests.plugins.conftest import Install
from lumos_dagster_tests.plugins.test_guests import ECHO
from lumos_dagster_tests.plugins.wasm.guests import core

JOB = """
version: 1
name: Numbers
jobs:
  read: {type: extractor, extractor_type: %s, options: {%s}}
  show: {type: loader, loader_type: console, depends_on: read}
"""


@pytest.mark.parametrize("name", ["numbers", "plugin:numbers"])
def test_a_job_names_a_plugin_like_any_component(installed: Install, name: str) -> None:
    installed()

    job = parse_job(JOB % (name, "count: 5"), "numbers.yaml", project_catalog())

    assert dict(job.ops())["read"].component.__name__ == "Numbers"


def test_a_plugins_options_are_checked_like_any(installed: Install) -> None:
    installed()

    with pytest.raises(ConfigError, match=r"unknown key 'cont'; allowed: count, token. Did you mean 'count'"):
        parse_job(JOB % ("numbers", "cont: 5"), "numbers.yaml", project_catalog())


def test_a_plugin_never_takes_the_place_of_a_built_in(installed: Install) -> None:
    installed("csv")

    extractors = project_catalog().extractors

    assert extractors["csv"] is CsvExtractor
    assert extractors["plugin:csv"].__name__ == "Numbers"


def test_a_broken_plugin_is_told_where_a_job_names_it_and_leaves_the_others_alone(
    folder: Path, installed: Install
) -> None:
    installed("numbers")
    installed("broken")
    (folder / "broken" / "code.py").write_text("raise RuntimeError")

    catalog = project_catalog()

    assert "numbers" in catalog.extractors
    with pytest.raises(ConfigError, match=r"the plugin 'broken' cannot be used: .*code.py is not what was installed"):
        parse_job(JOB % ("broken", ""), "numbers.yaml", catalog)


def test_a_plugins_class_is_found_again_in_another_process(installed: Install) -> None:
    installed()
    component = project_catalog().extractors["numbers"]

    assert pickle.loads(pickle.dumps(component)) is component
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).option_names())"
    done = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(component), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "{'count': (), 'token': ()}"


CODE = """
from contextlib import contextmanager
import pyarrow as pa
from lumos_dagster.interface import Extractor

class Tides(Extractor):
    \"\"\"Gives one row.\"\"\"
    @contextmanager
    def read(self, task):
        yield pa.table({"height": [1]}).to_reader()
"""


def package(folder: Path, name: str, plugin: str) -> None:
    """A Python package as pip leaves it, with an entry point."""
    module = name.replace("-", "_")
    (folder / module).mkdir()
    (folder / module / "__init__.py").write_text(CODE)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\nSummary: The tides.\n")
    (info / "entry_points.txt").write_text(f"[lumos.components]\n{plugin} = {module}:Tides\n")


def test_a_package_brings_a_plugin_by_its_entry_point(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "lumos-tides", "tides")
    monkeypatch.syspath_prepend(tmp_path)

    assert project_catalog().extractors["tides"].__doc__ == "Gives one row."
    found = load_plugins().plugins["tides"].manifest
    assert (found.version, found.description, found.kinds) == ("1.2", "The tides.", ("extractor",))


def test_two_plugins_of_one_name_are_both_named_and_neither_is_used(
    folder: Path, installed: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("tides")
    for name in ("lumos-tides", "other-tides"):
        package(tmp_path, name, "tides")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError) as raised:
        parse_job(JOB % ("tides", ""), "tides.yaml", project_catalog())

    said = str(raised.value)
    assert f"3 plugins are called tides, from the folder {folder} and the package" in said
    assert "the package lumos-tides" in said
    assert "the package other-tides" in said
    assert "uninstall all but one" in said


def test_changed_code_of_a_packages_parts_is_another_module(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number in (1, 2):
        home = tmp_path / f"parts{number}" / "parts"
        home.mkdir(parents=True)
        (home / "__init__.py").write_text("from .inner import Tides\n")
        (home / "inner.py").write_text(CODE.replace('"height": [1]', f'"height": [{number}]'))
        found.append(_imported(Manifest(name="parts", driver="python", entry="parts"), home))
    assert found[0].__name__ != found[1].__name__


def test_a_location_with_plugins_loads_no_engine_until_one_runs(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "guest"
    home.mkdir()
    (home / "guest.wasm").write_bytes(wasmtime.wat2wasm(core(ECHO)))
    (home / "plugin.toml").write_text('name = "guest"\ndriver = "wasm"\nentry = "guest.wasm"\n')
    install(home, Rights(), folder)
    script = (
        "import sys; from lumos_dagster.catalog import project_catalog; "
        "print(project_catalog().transformers['guest'].__name__, 'wasmtime' in sys.modules)"
    )
    environment = {**os.environ, "LUMOS_PLUGINS_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["Guest", "False"]
