"""Writes docs/types.md anew from what the tests find: `--write`."""

import os
import subprocess
import sys
from pathlib import Path

from lumos_dagster_tests.connectors.jdbc.type_matrix import WRITES

if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(f"usage: python -m {__package__} --write   (writes docs/types.md)")
    tests = Path(__file__).parents[1] / "test_type_matrix.py"
    in_order = ["-n", "0", "-p", "no:randomly", "-q", "-k", "page", "-m", "slow or not slow"]
    command = [sys.executable, "-m", "pytest", str(tests), *in_order]
    sys.exit(subprocess.run(command, env={**os.environ, WRITES: "1"}, check=False).returncode)
