"""The processes of deploy/compose.yaml on loopback: code server, webserver and daemon, on PostgreSQL, without an engine."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from lumos_dagster_tests.servers.dagster_ui import HEARING, PROJECT, DagsterUI, free_port, stop, wait_until_it_answers

COMPOSE = PROJECT / "deploy" / "compose.yaml"


@dataclass(frozen=True)
class Deployed:
    """What runs: its UI, and the process of each service."""

    ui: DagsterUI
    processes: Mapping[str, "subprocess.Popen[bytes]"]


@contextmanager
def deployed(home: Path, instance: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[Deployed]:
    """Start the commands of the Dockerfile and the compose file, ports and paths exchanged; stop them after.

    `instance` is what every service is told, `environment` what the code server is told besides.
    """
    code, web = free_port(), free_port()
    (home / "workspace.yaml").write_text((PROJECT / "deploy" / "workspace.yaml").read_text())
    told = {**os.environ, **instance, "LUMOS_CODE_SERVER_HOST": "127.0.0.1", "LUMOS_CODE_SERVER_PORT": str(code)}
    swaps = {
        "0.0.0.0": "127.0.0.1",
        "4000": str(code),
        "3000": str(web),
        "/srv/lumos/home/workspace.yaml": str(home / "workspace.yaml"),
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    with ExitStack() as ending:
        for name, command in commands().items():
            program, *arguments = (swaps.get(word, word) for word in command)
            log = ending.enter_context((home / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [*HEARING, Path(sys.executable).with_name(program), *arguments], cwd=home, stdout=log, stderr=log,
                env={**told, **environment} if name == "code" else told, start_new_session=True,
            )  # fmt: skip
            ending.callback(stop, process)
            processes[name] = process
        ui = DagsterUI(f"http://127.0.0.1:{web}", home)
        wait_until_it_answers(ui, processes["webserver"], home / "webserver.log")
        yield Deployed(ui, processes)


def commands() -> dict[str, list[str]]:
    """What each service of ours runs; the code server runs what the image says."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    (line,) = [line for line in (PROJECT / "deploy" / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    image: list[str] = yaml.safe_load(line.removeprefix("CMD "))
    return {name: services[name].get("command", image) for name in ("code", "webserver", "daemon")}
