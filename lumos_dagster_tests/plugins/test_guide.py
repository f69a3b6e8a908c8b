"""The developer guide: its commands do what it says, from a copy of the project's folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lumos_dagster.plugins import manifest

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
    tools = Path(sys.prefix) / "node_modules" / ".bin"  # where `make .venv/.installed-slow` puts what npm has
    path = f"{Path(sys.executable).parent}:{tools}:/usr/bin:{os.environ['PATH']}"  # Debian's rustc has the target
    own = {"PATH": path, "DAGSTER_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    (tmp_path / "home").mkdir()
    script = "set -e\n" + SECTIONS[title]
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert ": success in " in done.stdout + done.stderr


def test_the_guide_names_every_key_of_the_manifest() -> None:
    reference = GUIDE.split("## plugin.toml", 1)[1].split("\n## ", 1)[0]
    tables = {"grants": manifest.RightsAsked, "limits": manifest.LimitsAsked, "test": manifest.TestText}
    keys = [key for key in manifest.Manifest.model_fields if key not in tables]
    keys += [key for table in tables.values() for key in table.model_fields]

    assert [key for key in keys if f"`{key}`" not in reference] == []
    assert [table for table in tables if f"`[{table}]`" not in reference] == []
