"""The real Dagster UI on a free port: webserver, daemon and code server, as `make ui` starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120


@dataclass(frozen=True)
class DagsterUI:
    """A running UI."""

    url: str
    home: Path

    def graphql(self, query: str, **variables: Any) -> Any:
        """The `data` of the answer; an error in it is an AssertionError."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            parsed = json.load(answer)
        assert "errors" not in parsed, parsed["errors"]
        return parsed["data"]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def dagster_ui(home: Path, jobs: Path) -> Iterator[DagsterUI]:
    """Start `dagster dev` over the job files in `jobs`, wait until it answers, and stop all of it after."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    port = free_port()
    log = home / "ui.log"
    environment = {**os.environ, "DAGSTER_HOME": str(home), "LUMOS_JOBS_DIR": str(jobs)}
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "-p", str(port)], cwd=PROJECT, env=environment, stdout=stream, stderr=stream,
            start_new_session=True,
        )  # fmt: skip
        try:
            ui = DagsterUI(f"http://127.0.0.1:{port}", home)
            _wait_until_it_answers(ui, process, log)
            yield ui
        finally:
            _stop(process)


def _wait_until_it_answers(ui: DagsterUI, process: "subprocess.Popen[bytes]", log: Path) -> None:
    pause = threading.Event()
    for _ in range(_START_SECONDS * 4):
        assert process.poll() is None, f"dagster dev ended:\n{log.read_text()[-3000:]}"
        try:
            if ui.graphql("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"):
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        pause.wait(0.25)
    raise AssertionError(f"dagster dev does not answer:\n{log.read_text()[-3000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
