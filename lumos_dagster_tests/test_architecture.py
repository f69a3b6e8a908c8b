"""The rules of docs/architecture.md that a machine can hold the code against."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from lumos_dagster.catalog import Catalog
from lumos_dagster.config import parse_job
from lumos_dagster.errors import ConfigError

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lumos_dagster"
TESTS = ROOT / "lumos_dagster_tests"

LARGEST_FILE = 300
LONG_FILES: Mapping[str, str] = {}
"""File -> why it may be longer. One that is no longer long must go from here."""

KNOW_DAGSTER = ("orchestration/", "definitions.py", "components.py")
HOMES: Mapping[str | tuple[str, ...], tuple[str, ...]] = {
    "connectors/mongodb/": ("pymongo", "bson", "gridfs"),
    "connectors/jdbc/": ("sqlalchemy", "psycopg", "psycopg2", "pgpq", "pymysql", "oracledb"),
    ("transforms/engine.py", "connectors/jdbc/duckdb/"): ("duckdb",),
    "plugins/": ("wasmtime",),
    "transforms/documents/": ("jmespath",),
}
"""The only place of each driver library."""
EARLY = ("sqlalchemy",)
"""What the catalogue may import: what knows how databases quote."""
MAY_CATCH_ALL: Mapping[str, str] = {
    "ahead.py": "it carries every error over to the thread that takes the items, in its turn",
    "connectors/jdbc/parallel.py": "it keeps which partition's error came first, and raises it again",
    "connectors/jdbc/passing.py": "it keeps what making rows has raised, and raises it again",
    "connectors/jdbc/together.py": "it keeps which connection's error came first, and raises it again",
    "plugins/python.py": "a plugin's module may raise anything when it is imported",
    "transforms/operation.py": "it carries every error over to the thread that takes the rows, in its turn",
    "transforms/python.py": "a user's function may raise anything, and all of it is told with its place",
    "orchestration/failures.py": "it says of every error what becomes of the run",
    "orchestration/attempt.py": "it carries every error over to the thread that waits",
    "plugins/wasm/sandbox.py": "it carries every error over to the thread that waits",
}


def test_imports_go_down_only() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / ".importlinter", "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_only_orchestration_knows_dagster() -> None:
    offenders = [
        f"{place}: {name}"
        for path, place in _files(PACKAGE)
        for name in _imports(path)
        if name.split(".")[0].split("_")[0] == "dagster" and not place.startswith(KNOW_DAGSTER)
    ]
    assert offenders == []


def test_nobody_uses_what_dagster_keeps_private_but_to_show_an_error_without_its_trace() -> None:
    offenders = [
        f"{place}: {name}"
        for folder in (PACKAGE, TESTS)
        for path, place in _files(folder)
        for name in _imports(path)
        if re.match(r"dagster\w*(\.\w+)*\._", name)
    ]
    assert offenders == ["orchestration/failures.py: dagster._core.errors.DagsterUserCodeProcessError"]


def test_a_driver_is_known_to_its_own_connector_only() -> None:
    offenders = [
        f"{place}: {name}"
        for path, place in _files(PACKAGE)
        for name in _imports(path)
        for home, drivers in HOMES.items()
        if name.split(".")[0] in drivers and not place.startswith(home)
    ]
    assert offenders == []


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("lumos_dagster", ("pandas", "polars", "pyarrow", "pydantic", "dagster", "yaml")),
        (
            "lumos_dagster.catalog",
            ("dagster", *(driver for drivers in HOMES.values() for driver in drivers if driver not in EARLY)),
        ),
        ("lumos_dagster.connectors.csv.extractor", ("polars", "sqlalchemy")),
        ("lumos_dagster.connectors.jdbc.loader", ("polars", "sqlalchemy")),
    ],
)
def test_importing_pulls_in_nothing_heavy(module: str, unwanted: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*sorted(set({unwanted!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout.split() == []


def test_files_stay_short() -> None:
    long = {
        str(path.relative_to(ROOT))
        for folder in (PACKAGE, TESTS)
        for path, _ in _files(folder)
        if len(path.read_text("utf-8").splitlines()) > LARGEST_FILE
    }
    assert long == set(LONG_FILES), "make it a folder with the same import path, or give a reason in LONG_FILES"
    assert all(LONG_FILES.values())


def test_every_module_says_what_it_is_in_one_sentence() -> None:
    offenders = []
    for folder in (PACKAGE, TESTS):
        for path, place in _files(folder):
            first = (ast.get_docstring(_tree(path)) or "").split("\n\n")[0]
            if not first.endswith((".", ":", "?")) or len(first.splitlines()) > 1:
                offenders.append(f"{folder.name}/{place}: {first!r}")
    assert offenders == []


def test_annotations_are_not_postponed() -> None:
    """Dagster reads the annotations of ops and Config, and cannot where they are text."""
    offenders = [
        f"{folder.name}/{place}"
        for folder in (PACKAGE, TESTS)
        for path, place in _files(folder)
        if "__future__.annotations" in _imports(path)
    ]
    assert offenders == []


def test_errors_are_caught_by_name() -> None:
    offenders = [
        f"{place}:{node.lineno}"
        for path, place in _files(PACKAGE)
        if place not in MAY_CATCH_ALL
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    ]
    assert offenders == []


def test_every_folder_is_a_package() -> None:
    offenders = [
        str(folder.relative_to(ROOT))
        for top in (PACKAGE, TESTS)
        for folder in {path.parent for path, _ in _files(top)}
        if not (folder / "__init__.py").exists()
    ]
    assert offenders == []


def test_every_job_in_the_documentation_is_valid() -> None:
    blocks = [
        block for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) for block in _jobs_in(page)
    ]
    offenders = []
    for place, text in blocks:
        try:
            parse_job(text, place, Catalog())
        except ConfigError as error:
            offenders.append(str(error))

    assert blocks, "no page shows a job"
    assert offenders == []


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every module below the folder, and its path within it."""
    for path in sorted(folder.rglob("*.py")):
        yield path, path.relative_to(folder).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _imports(path: Path) -> frozenset[str]:
    """The dotted names that a module imports anywhere in it; `from a import b` counts as `a.b`."""
    names = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """`except:`, `except Exception`, alone or among others; and `except BaseException` that does not raise again."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {node.id if isinstance(node, ast.Name) else "" for node in caught}
    if "BaseException" in names:
        return not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
    return handler.type is None or "Exception" in names


def _jobs_in(page: Path) -> Iterator[tuple[str, str]]:
    """The YAML blocks of a page that hold jobs, each with `page:line` in place of a file name."""
    text = page.read_text("utf-8")
    for match in re.finditer(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if re.search(r"^jobs:", match[1], re.MULTILINE):
            yield f"{page.relative_to(ROOT)}:{text[: match.start()].count(chr(10)) + 2}", match[1]


def test_a_location_of_simple_jobs_loads_no_library_that_its_jobs_do_not_use(tmp_path: Path) -> None:
    job = "version: 1\nname: a\njobs:\n  r: {type: extractor, extractor_type: memory}\n  w: {type: loader, loader_type: csv, options: {file_path: x}, depends_on: r}\n"
    (tmp_path / "a.yaml").write_text(job)
    program = "import lumos_dagster.definitions, sys; print(' '.join(sys.modules))"
    environment = {**os.environ, "LUMOS_JOBS_DIR": str(tmp_path), "LUMOS_STRICT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    unused = {"duckdb", "oracledb", "pandas", "psycopg", "pymongo", "pymysql", "pytds", "rich", "sqlglot", "wasmtime"}
    assert not unused & set(done.stdout.split())
