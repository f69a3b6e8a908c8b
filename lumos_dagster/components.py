"""The component for projects made with `dg`: a `defs.yaml` that names a job file, or holds the job."""

from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from pydantic import Field

from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import load_job, parse_job
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.location import build_job_definitions


class LumosJob(dg.Component, dg.Model, dg.Resolvable):
    """A Lumos job: its file, or the same keys written right here."""

    file: str | None = Field(default=None, description="The job file; a relative path starts at this defs.yaml.")
    job: dict[str, Any] | None = Field(default=None, description="The job itself, with the keys of a job file.")
    name: str | None = Field(default=None, description="The Dagster job's name; by default the file's or folder's.")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The job with its schedules and sensors. Raises ConfigError with every mistake in it, each with its place."""
        defs_yaml = context.path / "defs.yaml"
        if (self.file is None) == (self.job is None):
            raise ConfigError(Problem("a LumosJob has either `file` or `job`", file=str(defs_yaml)))
        catalog = project_catalog()
        if self.file is not None:
            return build_job_definitions(load_job(context.path / self.file, catalog, self.name or ""))
        text = _text_of_job(defs_yaml, int(context.component_path.instance_key or 0))
        return build_job_definitions(parse_job(text, str(defs_yaml), catalog, self.name or context.path.name))


def _text_of_job(defs_yaml: Path, number: int) -> str:
    """The job as it stands in the file, every line and column kept: read by a job file's rules, not by Dagster's."""
    text = defs_yaml.read_text("utf-8")
    document = list(yaml.compose_all(text, Loader=yaml.SafeLoader))[number]
    job = _value(_value(document, "attributes"), "job")
    start: yaml.Mark = job.start_mark
    return "\n" * start.line + " " * start.column + text[start.index : job.end_mark.index]


def _value(mapping: Any, key: str) -> Any:
    return next(value for name, value in mapping.value if name.value == key)
