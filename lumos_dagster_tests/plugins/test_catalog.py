"""What is installed stands beside the built-in components, and job files cannot tell the difference."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import parse_job
from lumos_dagster.connectors.csv import CsvExtractor
from lumos_dagster.errors import ConfigError
from lumos_dagster_tests.plugins.conftest import Install

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
