"""The code location."""

import gc

from lumos_dagster.orchestration.location import build_definitions
from lumos_dagster.orchestration.plugins import LumosPlugins

# What a location is made of is there to stay: to look through it for garbage again and again is a quarter of the
# time of a small job.
gc.disable()
try:
    defs = build_definitions(plugins=LumosPlugins())
    gc.freeze()
finally:
    gc.enable()
