"""YAML text to JobFile: three shapes, one model, every mistake with its place."""

from lumos_dagster.config.components import Components, read_entry
from lumos_dagster.config.folder import find_job_file, find_job_files, load_files, load_folder, load_job
from lumos_dagster.config.names import dagster_name, same_names
from lumos_dagster.config.overrides import override_job
from lumos_dagster.config.reader import parse_job
from lumos_dagster.config.schema import json_schema, options_schema
from lumos_dagster.config.yaml_text import scalar

__all__ = [
    "Components",
    "dagster_name",
    "find_job_file",
    "find_job_files",
    "json_schema",
    "load_files",
    "load_folder",
    "load_job",
    "options_schema",
    "override_job",
    "parse_job",
    "read_entry",
    "same_names",
    "scalar",
]
