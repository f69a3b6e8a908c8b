"""Lumos DataFlow on Dagster: one YAML file, one Dagster job, every row accounted for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lumos_dagster.orchestration.location import build_definitions

__all__ = ["build_definitions"]


def __getattr__(name: str) -> Any:
    """`build_definitions` when it is asked for: a process that only uses a part of the project needs no Dagster."""
    if name == "build_definitions":
        from lumos_dagster.orchestration.location import build_definitions

        return build_definitions
    raise AttributeError(f"module 'lumos_dagster' has no attribute {name!r}")
