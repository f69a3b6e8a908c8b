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

    def launch(self, job: str) -> str:
        """Launch a job of the code location `lumos` and give the run's id."""
        selector = {"repositoryLocationName": "lumos", "repositoryName": "__repository__", "jobName": job}
        mutation = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
            ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }"""
        answer = self.graphql(mutation, p={"selector": selector, "runConfigData": {}})["launchRun"]
        assert "run" in answer, answer
        run_id: str = answer["run"]["runId"]
        return run_id

    def finished(self, run_id: str) -> str:
        """Wait for the run to end and give its status."""
        pause = threading.Event()
        query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        for _ in range(480):
            status: str = self.graphql(query, id=run_id)["runOrError"]["status"]
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return status
            pause.wait(0.25)
        raise AssertionError("the run does not end")


HEARING = ("env", "--default-signal=INT,TERM")
"""Before a command that must hear that it shall end: a shell starts what runs behind it deaf to Ctrl-C, for good."""


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
    command = [
        *HEARING,
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        "-w",
        "workspace.yaml",
        "-h",
        "127.0.0.1",
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "-p", str(port)], cwd=PROJECT, env=environment, stdout=stream, stderr=stream,
            start_new_session=True,
        )  # fmt: skip
        try:
            ui = DagsterUI(f"http://127.0.0.1:{port}", home)
            wait_until_it_answers(ui, process, log)
            yield ui
        finally:
            stop(process)


def wait_until_it_answers(ui: DagsterUI, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the UI knows the jobs of a code location."""
    pause = threading.Event()
    for _ in range(_START_SECONDS * 4):
        assert process.poll() is None, f"dagster dev ended:\n{log.read_text()[-3000:]}"
        try:
            query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
            if ui.graphql(query)["repositoriesOrError"].get("nodes"):
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        pause.wait(0.25)
    raise AssertionError(f"dagster dev does not answer:\n{log.read_text()[-3000:]}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process and those that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
