"""What step processes are forked from: an error while it loads would be swallowed, and every step would be slow."""

import subprocess
import sys

from lumos_dagster.orchestration.jobs import PRELOAD, execution_config


def test_the_module_loads_by_name_with_all_that_a_step_needs() -> None:
    assert execution_config("multiprocess")["multiprocess"]["start_method"]["forkserver"]["preload_modules"] == [
        PRELOAD
    ]
    program = f"import {PRELOAD}, sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"dagster", "lumos_dagster.catalog", "lumos_dagster.orchestration.jobs", "polars", "pyarrow"} <= set(
        done.stdout.split()
    )
