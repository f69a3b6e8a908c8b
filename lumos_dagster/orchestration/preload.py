"""What every step process needs, loaded once in the process that the others are forked from."""

import dagster  # noqa: F401
import pandas as pd  # noqa: F401

import lumos_dagster.catalog
import lumos_dagster.orchestration.location  # noqa: F401
