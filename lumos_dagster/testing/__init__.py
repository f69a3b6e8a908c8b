"""The conformance suite for connectors, shipped so that a plugin's author runs the same checks as we do.

It needs pytest and hypothesis (`pip install lumos-dagster[test]`); the part for plugins, which `lumos plugin test`
runs, does not. A new connector, built in or a plugin, is tested by
one harness; see `ConnectorConformance`.
"""

from lumos_dagster.testing.harness import SECRET, Bench, Harness
from lumos_dagster.testing.suite import CHECKS, ConnectorConformance, verify

__all__ = ["CHECKS", "SECRET", "Bench", "ConnectorConformance", "Harness", "verify"]
