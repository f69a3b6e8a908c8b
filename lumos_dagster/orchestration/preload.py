"""What every step process needs, loaded once in the process that the others are forked from."""

import dagster as dg
import polars as pl  # noqa: F401 - loaded by what needs it, which most steps come to

import lumos_dagster.orchestration.location  # noqa: F401
from lumos_dagster.orchestration.garbage import keep

dg.DagsterInstance.ephemeral()
# An instance loads what its storage is made of when it is made: SQLAlchemy, Alembic and much of Dagster, a second
# for each step that has not got them. This one is in memory and goes at once.
keep()  # no step looks through it, and its memory stays shared
