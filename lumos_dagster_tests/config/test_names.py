"""A file's job has a name that Dagster takes, and one file has it alone."""

import keyword

import dagster as dg
import pytest

from lumos_dagster.config import dagster_name, same_names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("csv_to_postgres.yaml", "csv_to_postgres"),
        ("yaml_jobs/My-job.v2.yml", "My_job_v2"),
        ("2026 orders.yaml", "2026_orders"),
        ("config.yaml", "config_job"),
        ("import.yaml", "import_job"),
        ("_private.yaml", "_private"),
    ],
)
def test_a_name_is_the_stem_in_allowed_letters(file: str, name: str) -> None:
    assert dagster_name(file) == name


def test_a_stem_without_ascii_gets_a_name_of_its_own() -> None:
    names = {dagster_name(f"{stem}.yaml") for stem in ("订单", "退款", "---", "é")}

    assert len(names) == 4
    assert all(name.startswith("job_") for name in names)
    assert dagster_name("订单.yaml") == dagster_name("other/订单.yml")


@pytest.mark.parametrize(
    "stem",
    ["订单", "a b", "ä", "123", "-", "True", "in", "out", "type", "input", "output", "meta", "conf", "context", "str",
     "int", "float", "bool", "dict", "arg_dict", "input_arg_dict", "output_arg_dict", "match", *keyword.kwlist],
)  # fmt: skip
def test_dagster_takes_every_name(stem: str) -> None:
    graph = dg.GraphDefinition(dagster_name(f"{stem}.yaml"), node_defs=[])

    assert graph.to_job().name == dagster_name(f"{stem}.yaml")


def test_files_that_share_a_name_are_told_apart() -> None:
    found = same_names(["jobs/a-b.yaml", "jobs/c.yaml", "jobs/a_b.yaml"])

    assert list(found) == ["jobs/a-b.yaml", "jobs/a_b.yaml"]
    for file, problem in found.items():
        assert problem.file == file
        assert "jobs/a-b.yaml and jobs/a_b.yaml" in problem.message
