"""The code location."""

import gc

from lumos_dagster.orchestration.garbage import keep
from lumos_dagster.orchestration.location import build_definitions
from lumos_dagster.orchestration.plugins import LumosPlugins

gc.disable()
try:
    defs = build_definitions(plugins=LumosPlugins())
    keep()
finally:
    gc.enable()
