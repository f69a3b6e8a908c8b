"""The developer guide: its commands do what it says, from a copy of the project's folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
GUIDE = (PROJECT / "docs" / "plugins.md").read_text("utf-8")
SECTIONS = {
    title: "\n".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
}
QUICK = ("Python",)
"""The others need larger compilers, or more time."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "title",
    [
        pytest.param(title, marks=[pytest.mark.slow] * (title not in QUICK))
        for title, commands in SECTIONS.items()
        if commands
    ],
)
def test_the_commands_of_the_guide_work(tmp_path: Path, title: str) -> None:
    for folder in ("plugins", "yaml_jobs"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    (tmp_path / "lumos_dagster").symlink_to(PROJECT / "lumos_dagster")
    tools = Path(sys.prefix) / "node_modules" / ".bin"  # where `make .venv/.installed-slow` puts AssemblyScript
    path = f"{Path(sys.executable).parent}:{tools}:{os.environ['PATH']}"
    own = {"PATH": path, "DAGSTER_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    (tmp_path / "home").mkdir()
    script = "set -e\n" + SECTIONS[title]
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert ": success in " in done.stdout + done.stderr
