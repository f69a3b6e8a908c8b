"""The Dockerfile and the compose file hold against their linters, and name what is there."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from lumos_dagster_tests.servers.dagster_ui import PROJECT
from lumos_dagster_tests.servers.deployed import COMPOSE

DEPLOY = PROJECT / "deploy"


def linted(*command: str) -> str:
    program, *arguments = command
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_dockerfile_passes_hadolint() -> None:
    assert linted("hadolint", "deploy/Dockerfile") == ""


def test_the_compose_file_holds_against_the_schema_of_compose_files() -> None:
    assert linted("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml") == ""


def test_every_variable_of_the_instance_is_given_to_every_service() -> None:
    wanted = set(re.findall(r"\{env: (\w+)\}", (DEPLOY / "dagster.yaml").read_text()))
    image = set(re.findall(r"^(?:ENV|   ) (\w+)=", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name in ("code", "webserver", "daemon"):
        assert wanted <= image | set(services[name]["environment"]), name


def test_what_the_dockerfile_copies_is_there_and_let_in() -> None:
    let_in = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    for name in " ".join(copied).split():
        assert (PROJECT / name).exists(), name
        assert name in let_in
