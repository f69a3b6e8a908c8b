"""The suite: all checks, waivers held strictly, and the test class that a connector's author derives from."""

import tempfile
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from lumos_dagster.errors import LumosError
from lumos_dagster.testing import loads, manners, rows, streams
from lumos_dagster.testing.harness import Bench, Harness, require

Check = Callable[[Bench], None]

# Checks that need Dagster (both executors, row counts in the metadata) stand in a module of their own and join here.
CHECKS: tuple[Check, ...] = (*rows.CHECKS, *loads.CHECKS, *streams.CHECKS, *manners.CHECKS)


def verify(harness: Harness, check: Check) -> None:
    """Raise AssertionError when the connector fails a check that is not waived, or passes one that is."""
    name = check.__name__
    unknown = set(harness.waivers) - {known.__name__ for known in CHECKS}
    require(not unknown, f"waivers for checks that do not exist: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="lumos-conformance-") as storage:
        bench = Bench(harness, storage)
        if name not in harness.waivers:
            check(bench)
            return
        require(harness.waivers[name].strip(), f"the waiver of {name} gives no reason")
        try:
            check(bench)
        except (AssertionError, LumosError, ValidationError):
            return
    raise AssertionError(f"the waiver of {name} is stale: it passes. Take the waiver away.")


class ConnectorConformance:
    """All checks as tests: derive a `Test..` class and give it a fixture `harness`.

    ```python
    class TestMine(ConnectorConformance):
        @pytest.fixture
        def harness(self, tmp_path):
            return Harness(MyExtractor, MyLoader, target=..., source=..., modes=...)
    ```
    """

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """One test for each check."""
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])

    def test_conformance(self, harness: Harness, check: Check) -> None:
        """Hold the connector against one check."""
        verify(harness, check)
