"""Job files on disk: one, or a folder of them, where a broken one leaves the others alone."""

from collections.abc import Sequence
from pathlib import Path

from lumos_dagster.config.components import Components
from lumos_dagster.config.model import JobFile
from lumos_dagster.config.names import dagster_name, same_names
from lumos_dagster.config.reader import parse_job
from lumos_dagster.config.yaml_text import MAX_BYTES, decode
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.problems import near

_SUFFIXES = (".yaml", ".yml")


def load_job(path: str | Path, catalog: Components, name: str = "") -> JobFile:
    """Read one job file, called as it or `name`. Raises ConfigError with every mistake in it."""
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(Problem(f"the job file cannot be read: {error.strerror}", file=file)) from None
    return parse_job(decode(raw, file), file, catalog, name)


def find_job_files(folder: str | Path) -> list[Path]:
    """The job files right inside a folder, by name; hidden ones (an editor's) are left out."""
    if not Path(folder).is_dir():
        raise ConfigError(Problem("the folder of job files does not exist", file=str(folder)))
    files = (path for path in Path(folder).iterdir() if path.suffix in _SUFFIXES and path.is_file())
    return sorted(path for path in files if not path.name.startswith("."))


def find_job_file(job: str, folder: str | Path) -> Path:
    """The file of a folder that gives the job of this name. Raises ConfigError for none, and where two do."""
    files = find_job_files(folder)
    names = {file: dagster_name(file) for file in files}
    for file, name in names.items():
        if job in (name, file.stem):
            if problem := same_names(files).get(str(file)):
                raise ConfigError(problem)
            return file
    known = sorted(names.values())
    raise ConfigError(Problem(f"no job {job!r} in {folder}", allowed=tuple(known), hint=near(job, known)))


def load_folder(folder: str | Path, catalog: Components) -> tuple[list[JobFile], list[tuple[str, ConfigError]]]:
    """The jobs of a folder, and the files that give none, each with its mistakes."""
    return load_files(find_job_files(folder), catalog)


def load_files(files: Sequence[str | Path], catalog: Components) -> tuple[list[JobFile], list[tuple[str, ConfigError]]]:
    """As load_folder, for these files."""
    shared = same_names(files)
    jobs: list[JobFile] = []
    broken: list[tuple[str, ConfigError]] = []
    for file in files:
        problems = [shared[str(file)]] if str(file) in shared else []
        try:
            job = load_job(file, catalog)
        except ConfigError as error:
            broken.append((str(file), ConfigError((*problems, *error.problems))))
            continue
        if problems:
            broken.append((str(file), ConfigError(problems)))
        else:
            jobs.append(job)
    return jobs, broken
