"""The code location."""

from lumos_dagster.orchestration.location import build_definitions
from lumos_dagster.orchestration.plugins import LumosPlugins

defs = build_definitions(plugins=LumosPlugins())
