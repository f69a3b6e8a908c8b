"""`LumosPlugins`: components as ops of jobs written in Python."""

import json
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.orchestration.location import build_definitions
from lumos_dagster.orchestration.plugins import LumosPlugins
from lumos_dagster_tests.plugins.conftest import NUMBERS, Install

DOUBLED = '''
"""Doubles."""

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.interface import Transformer, Task


class Doubled(Transformer):
    """Doubles a column."""

    field: str

    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The same."""
        return schema

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """Twice as much."""
        place = rows.schema.get_field_index(self.field)
        return pa.RecordBatchReader.from_batches(
            rows.schema,
            (batch.set_column(place, rows.schema.field(place), pc.multiply(batch[place], 2)) for batch in rows),
        )
'''


FIRST_FAILS = """        import pathlib
        from lumos_dagster.errors import TransientError
        if not pathlib.Path({mark!r}).exists():
            pathlib.Path({mark!r}).touch()
            raise TransientError("later")
"""


@pytest.fixture
def plugins(folder: Path, installed: Install) -> LumosPlugins:
    installed()
    installed("doubled", DOUBLED)
    return LumosPlugins(plugins_dir=str(folder))


def test_components_are_ops_of_a_job(plugins: LumosPlugins, tmp_path: Path) -> None:
    read = plugins.extractor("numbers", "read", {"count": 3})
    double = plugins.transformer("plugin:doubled", "double", {"field": "n"})
    load = plugins.loader("csv", "load", {"file_path": str(tmp_path / "out.csv")})

    @dg.job
    def doubling() -> None:
        load(double(read()))

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        done = doubling.execute_in_process(instance=instance, run_config={"ops": {"read": {"config": {"count": 4}}}})
        (made,) = done.asset_materializations_for_node("load")

    assert (tmp_path / "out.csv").read_text().split() == ["n", "2", "4", "6", "8"]
    assert made.metadata["dagster/row_count"].value == 4


def test_frames_of_the_users_own_ops_are_rows_too(plugins: LumosPlugins, tmp_path: Path) -> None:
    load = plugins.loader("csv", "load", {"file_path": str(tmp_path / "out.csv")})

    @dg.op
    def mine() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    @dg.job
    def framed() -> None:
        load(mine())

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        framed.execute_in_process(instance=instance)

    assert (tmp_path / "out.csv").read_text().split() == ["a", "1", "2"]


def test_mistakes_are_told_when_the_op_is_made(plugins: LumosPlugins) -> None:
    with pytest.raises(ConfigError, match=r"jobs\.read\.options\.cout: unknown key 'cout'"):
        plugins.extractor("numbers", "read", {"cout": 3})
    with pytest.raises(ConfigError, match="unknown extractor type 'numbrs'"):
        plugins.extractor("numbrs", "read")


def test_a_mistake_in_the_launch_fails_the_op_with_one_message(plugins: LumosPlugins, tmp_path: Path) -> None:
    read = plugins.extractor("numbers", "read", {"count": 3})
    show = plugins.loader("console", "show")

    @dg.job
    def wrong() -> None:
        show(read())

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        done = wrong.execute_in_process(
            instance=instance, run_config={"ops": {"show": {"config": {"limit": -1}}}}, raise_on_error=False
        )

    (failure,) = done.get_step_failure_events()
    assert failure.step_key == "show"
    assert "jobs.show.options.limit" in json.dumps(failure.event_specific_data.user_failure_data.description)  # type: ignore[union-attr]


def test_what_may_pass_is_retried_as_the_op_says(folder: Path, installed: Install, tmp_path: Path) -> None:
    failing = NUMBERS.replace(
        "        task.log(", FIRST_FAILS.format(mark=str(tmp_path / "mark")) + "        task.log("
    )
    installed(code=failing)
    plugins = LumosPlugins()
    read = plugins.extractor("numbers", "read")
    show = plugins.loader("console", "show").with_retry_policy(dg.RetryPolicy(max_retries=1))

    @dg.job
    def patient() -> None:
        show(read())

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        assert patient.execute_in_process(instance=instance).success
    assert (tmp_path / "mark").exists()


def test_a_code_location_takes_its_plugins_from_where_it_is_told(
    plugins: LumosPlugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUMOS_PLUGINS_DIR", str(tmp_path / "none"))
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "counting.yaml").write_text(
        "version: 1\nname: Counting\njobs:\n  read: {type: extractor, extractor_type: numbers}\n"
        "  show: {type: loader, loader_type: console, depends_on: read}\n"
    )

    assert "counting" not in [job.name for job in build_definitions(tmp_path / "jobs").resolve_all_job_defs()]
    definitions = build_definitions(tmp_path / "jobs", plugins=plugins)

    assert definitions.resolve_job_def("counting")
    assert definitions.resources == {"plugins": plugins}
