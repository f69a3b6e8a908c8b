"""TLS against a real PostgreSQL that takes nothing else: who is proven to be the server, and what is said if not."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lumos_dagster.errors import TerminalError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.servers.certificates import Certified, certified
from lumos_dagster_tests.servers.postgres import SUPERUSER, serve


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("own"), "postgres")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("other"), "stranger")


@contextmanager
def _secured(given: Certified) -> Iterator[int]:
    """The port of a server with this certificate, at which one user may only enter by TLS."""
    with tempfile.TemporaryDirectory(prefix="lumos-tls-", ignore_cleanup_errors=True) as name:
        folder = Path(name)

        def secure(data: Path) -> list[str]:
            hba = data / "pg_hba.conf"
            hba.write_text("hostssl all guarded 127.0.0.1/32 trust\n" + f"host all {SUPERUSER} 127.0.0.1/32 trust\n")
            for source, target in ((given.certificate, "server.crt"), (given.key, "server.key")):
                shutil.copy(source, data / target)
                (data / target).chmod(0o600)
                shutil.chown(data / target, data.stat().st_uid)
            return ["-c", "ssl=on"]

        for server in serve(folder, secure, with_tls=True):
            server.run("create role guarded login")
            yield server.port


@pytest.fixture(scope="module")
def port(own: Certified) -> Iterator[int]:
    with _secured(own) as found:
        yield found


def _answers(port: int, run: RunContext, parameters: str) -> object:
    place = Place(
        "postgresql", f"jdbc:postgresql://127.0.0.1:{port}/postgres?user=guarded&{parameters}", run, lambda _: []
    )
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    return place.read(query=query).to_pylist()[0]["ssl"]


@pytest.mark.parametrize("parameters", ["sslmode=verify-full", "ssl=true", "sslmode=verify-ca"])
def test_a_server_of_the_known_authority_is_believed(
    port: int, own: Certified, run: RunContext, parameters: str
) -> None:
    assert _answers(port, run, f"{parameters}&sslrootcert={own.authority}") is True


@pytest.mark.parametrize("parameters", ["sslmode=verify-full", "ssl=true", "sslmode=verify-ca"])
def test_a_stranger_is_not_and_the_op_is_not_retried(
    port: int, other: Certified, run: RunContext, parameters: str
) -> None:
    with pytest.raises(TerminalError, match="certificate verify failed"):
        _answers(port, run, f"{parameters}&sslrootcert={other.authority}")


def test_a_server_by_another_name_is_a_stranger(tmp_path: Path, run: RunContext) -> None:
    elsewhere = certified(tmp_path, "elsewhere", host="127.0.0.2")
    with _secured(elsewhere) as port:
        assert _answers(port, run, f"sslmode=verify-ca&sslrootcert={elsewhere.authority}") is True
        with pytest.raises(TerminalError, match=r"does not match host name|certificate"):
            _answers(port, run, f"sslmode=verify-full&sslrootcert={elsewhere.authority}")


def test_a_server_that_wants_tls_is_not_spoken_to_without(port: int, run: RunContext) -> None:
    assert _answers(port, run, "sslmode=require") is True
    with pytest.raises(TerminalError, match="no encryption"):
        _answers(port, run, "sslmode=disable")
