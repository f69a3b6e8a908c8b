"""What every step process needs, loaded once in the process that the others are forked from."""

import dagster  # noqa: F401
import pandas as pd  # noqa: F401

import lumos_dagster.orchestration.location  # noqa: F401
from lumos_dagster.catalog import BUILT_IN

COMPONENTS = [component for components in BUILT_IN.values() for component in components.values()]
"""Asked for here, so that they are loaded."""
