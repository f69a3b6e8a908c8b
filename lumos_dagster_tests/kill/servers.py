"""Servers of the matrix's own that survive being stopped at once and started again: on disk, with fsync."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pymongo import MongoClient

from lumos_dagster_tests.servers.dagster_ui import free_port
from lumos_dagster_tests.servers.mariadb import MariadbServer, served
from lumos_dagster_tests.servers.postgres import SUPERUSER, unprivileged

_START_SECONDS = 60


class Server(ABC):
    """A server over a folder, on a port that stays the same."""

    user: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), cwd=self.folder, user=self.user, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the server does not answer"
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        self._stop(self._process)
        self._process.wait(30)

    def restart(self) -> None:
        """Both: on the same folder and port."""
        self.stop()
        self.start()

    @abstractmethod
    def _command(self) -> Sequence[str | Path]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @abstractmethod
    def _stop(self, process: "subprocess.Popen[bytes]") -> None: ...


class PostgresServer(Server):
    """PostgreSQL; stopped in immediate mode, so that it must recover from its log."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.user, self._binaries = unprivileged(folder)
        options = ["-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        command = [self._binaries / "initdb", "-D", folder / "data", *options]
        subprocess.run(command, check=True, user=self.user, cwd=folder, capture_output=True)

    def url(self, database: str) -> str:
        """The URL of a database."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def make(self, database: str) -> str:
        """A new database; gives its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {database}".encode())
        return self.url(database)

    def _command(self) -> Sequence[str | Path]:
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
        return [self._binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), *settings]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        command = [self._binaries / "pg_ctl", "stop", "-D", self.folder / "data", "-m", "immediate", "-w"]
        subprocess.run(command, check=True, user=self.user, cwd=self.folder, capture_output=True)


class MongoServer(Server):
    """SecantusDB over a folder, synced on each commit; killed, so that it must recover from its log."""

    @property
    def url(self) -> str:
        """Its URL."""
        return f"mongodb://127.0.0.1:{self.port}/"

    def _command(self) -> Sequence[str | Path]:
        program = Path(sys.executable).with_name("secantusd-py")
        return [program, "--storage-path", self.folder / "data", "--sync-on-commit", "--port", str(self.port)]

    def _answers(self) -> bool:
        with suppress(Exception), MongoClient(self.url, serverSelectionTimeoutMS=1000) as client:
            client.admin.command("ping")
            return True
        return False

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()


class MariadbOnDisk:
    """MariaDB, durable, on a port that stays the same; killed, so that it must recover from its log."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.server = self._started(None)

    @property
    def data(self) -> Path:
        """Its data folder; a folder in it is a database."""
        return self._folder / "data"

    def restart(self) -> None:
        """Kill it, and start it on the same folder and port."""
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended by itself
            os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)
        self._stack.pop_all().close()
        self._started(self.server.port)

    def _started(self, port: int | None) -> MariadbServer:
        return self._stack.enter_context(served(self._folder, "--sync-binlog=0", port=port))


@dataclass(frozen=True)
class Servers:
    """All of them, running."""

    postgres: PostgresServer
    mariadb_on_disk: MariadbOnDisk
    mongodb: MongoServer

    @property
    def mariadb(self) -> MariadbServer:
        """How MariaDB is reached."""
        return self.mariadb_on_disk.server

    def restart(self, name: str) -> None:
        """As a crash does, and start again."""
        restarts = {
            "postgresql": self.postgres.restart, "mariadb": self.mariadb_on_disk.restart, "mongodb": self.mongodb.restart,
        }  # fmt: skip
        restarts[name]()

    def revive(self, name: str) -> bool:
        """Start it anew where it has ended by itself; tells whether it had."""
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", self.port(name))) == 0:
                return False
        self.restart(name)
        return True

    def port(self, name: str) -> int:
        """Where it listens."""
        return {"postgresql": self.postgres.port, "mariadb": self.mariadb.port, "mongodb": self.mongodb.port}[name]


@contextmanager
def servers() -> Iterator[Servers]:
    """Start them, and stop them after."""
    with ExitStack() as stack:
        folders = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"lumos-{name}-", ignore_cleanup_errors=True)))
            for name in ("postgres", "mariadb", "mongodb")
        ]
        postgres, mongodb = PostgresServer(folders[0]), MongoServer(folders[2])
        for server in (postgres, mongodb):
            server.start()
            stack.callback(server.stop)
        on_disk = MariadbOnDisk(folders[1], stack.enter_context(ExitStack()))
        yield Servers(postgres, on_disk, mongodb)
