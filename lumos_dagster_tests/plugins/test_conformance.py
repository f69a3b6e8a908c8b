"""The suite's part for plugins: faults are found, and the shared transformation is the same in every form."""

from pathlib import Path

import pytest

from lumos_dagster.catalog import project_catalog
from lumos_dagster.plugins.project import load_plugins
from lumos_dagster.testing.plugins import SAMPLE, Trial, verdicts
from lumos_dagster_tests.plugins.conftest import NUMBERS, Install
from lumos_dagster_tests.plugins.test_resource import DOUBLED

PLUGINS = Path(__file__).parents[2] / "plugins"
SHIPPED = load_plugins(PLUGINS).plugins.items()
FORMS = sorted(name for name, plugin in SHIPPED if name.startswith("normalize") and plugin.entry.exists())
"""Those that are built; what must be compiled on this machine is tested with its driver."""
SAMPLED = ("normalize", "normalize-core")
"""Those that take the whole suite in the default run; the others take it among the slow tests."""
OPTIONS = {"field": "name", "to": "clean"}


def failures(component: object, options: dict[str, object]) -> dict[str, str]:
    found = verdicts(component, options)  # type: ignore[arg-type]
    return {verdict.check: verdict.failure for verdict in found if verdict.failure}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_the_shared_transformation_gives_the_same_table(name: str, tmp_path: Path) -> None:
    transformers = project_catalog(PLUGINS).transformers
    wanted = Trial(transformers["normalize"], OPTIONS, SAMPLE, str(tmp_path)).table()

    assert wanted["clean"].to_pylist()[1] == "name 1é"
    assert Trial(transformers[name], OPTIONS, SAMPLE, str(tmp_path)).table().equals(wanted)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in SAMPLED)) for name in FORMS]
)
def test_every_form_of_the_shared_transformation_passes(name: str) -> None:
    assert failures(project_catalog(PLUGINS).transformers[name], OPTIONS) == {}


def test_a_right_extractor_and_transformer_pass(installed: Install) -> None:
    installed()
    installed("doubled", DOUBLED)

    assert failures(project_catalog().extractors["numbers"], {"count": 500}) == {}
    assert failures(project_catalog().transformers["doubled"], {"field": "id"}) == {}


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        ("yield pa.table", "import random\n        yield pa.table", None, ""),
        ("range(1, self.count + 1)", "[__import__('time').perf_counter_ns()]", "gives_the_same_each_time", "different rows"),
        pytest.param(
            "        yield pa.table", "        LEFT.append(open(__file__))\n        yield pa.table",
            "closes_what_it_opens", "left open", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_a_fault_is_found(installed: Install, old: str, new: str, check: str | None, said: str) -> None:
    installed(
        code=NUMBERS.replace(old, new).replace("class Numbers", "LEFT = []\n\n\nclass Numbers").replace("list([", "([")
    )

    found = failures(project_catalog().extractors["numbers"], {})

    assert set(found) == ({check} if check else set())
    assert said in "".join(found.values())


def test_a_transformer_that_loses_rows_is_found(installed: Install) -> None:
    installed("losing", DOUBLED.replace("for batch in rows)", "for batch in rows if batch.num_rows > 1)"))

    found = failures(project_catalog().transformers["losing"], {"field": "id"})

    assert "batches of 1 rows give other rows" in found["does_not_mind_batch_edges"]
