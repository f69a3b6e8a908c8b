"""Job files on disk: a broken one leaves the others alone."""

from pathlib import Path

import pytest

from lumos_dagster.config import find_job_files, load_files, load_folder, load_job
from lumos_dagster.errors import ConfigError
from lumos_dagster_tests.config.parts import CATALOG

GOOD = "version: 1\nname: 订单\njobs:\n  a: {type: extractor, extractor_type: csv, options: {file_path: a}}\n"


def test_job_files_are_those_right_inside_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json", ".d.yaml", "e.YAML.bak", "sub/f.yaml", "g.yaml/h.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(GOOD, "utf-8")

    assert [path.name for path in find_job_files(tmp_path)] == ["a.yml", "b.yaml"]


def test_a_broken_file_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "broken.yaml").write_text(GOOD.replace("csv", "cvs"), "utf-8")
    (tmp_path / "syntax.yaml").write_text("jobs: [", "utf-8")
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))

    jobs, broken = load_folder(tmp_path, CATALOG)

    assert [(job.name, job.title, job.path) for job in jobs] == [("good", "订单", str(tmp_path / "good.yaml"))]
    assert [(Path(file).name, len(error.problems)) for file, error in broken] == [
        ("broken.yaml", 1), ("latin.yaml", 1), ("syntax.yaml", 1),
    ]  # fmt: skip
    assert all(error.problems[0].file == file for file, error in broken)


def test_two_files_of_one_name_are_both_broken_and_both_named(tmp_path: Path) -> None:
    for name in ("a-b.yaml", "a_b.yml", "other.yaml"):
        (tmp_path / name).write_text(GOOD, "utf-8")
    (tmp_path / "a_b.yml").write_text("version: 1", "utf-8")

    jobs, broken = load_folder(tmp_path, CATALOG)

    assert [job.name for job in jobs] == ["other"]
    assert [(Path(file).name, len(error.problems)) for file, error in broken] == [("a-b.yaml", 1), ("a_b.yml", 3)]
    for _, error in broken:
        assert "a-b.yaml" in str(error)
        assert "a_b.yml" in str(error)


def test_files_are_named_where_they_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"

    with pytest.raises(ConfigError, match=r"missing\.yaml: the job file cannot be read: No such file"):
        load_job(missing, CATALOG)
    with pytest.raises(ConfigError, match="missing: the folder of job files does not exist"):
        find_job_files(tmp_path / "missing")
    assert [file for file, _ in load_files([missing], CATALOG)[1]] == [str(missing)]


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(1 << 40)

    with pytest.raises(ConfigError, match="larger than"):
        load_job(huge, CATALOG)
