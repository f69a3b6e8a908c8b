"""A MongoDB for the tests: SecantusDB in memory on a free port, or the real one that LUMOS_TEST_MONGODB_URL names."""

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

_START_SECONDS = 60


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a server that lives as long as the tests."""
    if given := os.environ.get("LUMOS_TEST_MONGODB_URL"):
        yield given
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("mongodb")
    command = [Path(sys.executable).with_name("secantusd-py"), "--storage-path", ":memory:", "--port", str(port)]
    environment = {**os.environ, "TMPDIR": str(folder)}  # "memory" is a temporary folder of the server's
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment) as server,
    ):
        url = f"mongodb://127.0.0.1:{port}/"
        try:
            with MongoClient(url, serverSelectionTimeoutMS=_START_SECONDS * 1000) as client:
                client.admin.command("ping")
            yield url
        finally:
            server.kill()  # asked politely, this server sometimes waits for itself


@pytest.fixture
def mongodb_database(mongodb_url: str) -> Iterator[str]:
    """The name of a database that is fresh, and dropped after the test."""
    name = f"lumos_{uuid.uuid4().hex[:12]}"
    yield name
    with MongoClient(mongodb_url) as client:
        client.drop_database(name)
