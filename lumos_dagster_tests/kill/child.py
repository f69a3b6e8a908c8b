"""`python -m lumos_dagster_tests.kill.child POINT -- run job.yaml`: the `lumos` command, which dies at that step."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lumos_dagster.cli import main
from lumos_dagster_tests.kill.steps import POINT, TRACE, arm

EVERY_PROCESS = Path(__file__).parent / "every_process"
"""A folder for PYTHONPATH: the processes that a run starts for its ops are armed too."""


def run_armed(arguments: Sequence[str]) -> None:
    """Run the command in this process, its steps wrapped."""
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    here = [str(EVERY_PROCESS), str(EVERY_PROCESS.parents[2])]
    os.environ["PYTHONPATH"] = os.pathsep.join([*here, *(part for part in path if part and part not in here)])
    arm()
    main(list(arguments))


if __name__ == "__main__":
    os.environ[POINT] = sys.argv[1]
    with tempfile.NamedTemporaryFile() as trace:
        os.environ.setdefault(TRACE, trace.name)
        run_armed(sys.argv[sys.argv.index("--") + 1 :])
