"""The code location."""

from lumos_dagster.orchestration.location import build_definitions

defs = build_definitions()
