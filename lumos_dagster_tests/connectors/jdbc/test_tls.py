"""TLS against a real PostgreSQL and a real MariaDB: who is proven to be the server, and what is said if not."""

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
from lumos_dagster_tests.servers.mariadb import MariadbServer, served
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


@pytest.fixture(scope="module")
def mariadb_with_tls(own: Certified) -> Iterator[MariadbServer]:
    with tempfile.TemporaryDirectory(prefix="lumos-tls-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for source in (own.certificate, own.key):
            shutil.copy(source, folder)
            (folder / source.name).chmod(0o644)
        files = f"--ssl-cert={folder / own.certificate.name}", f"--ssl-key={folder / own.key.name}"
        with served(folder, *files) as server:
            with server.connect() as raw, raw.cursor() as cursor:
                cursor.execute("CREATE USER guarded@'%' REQUIRE SSL")
            yield server


def _cipher(server: MariadbServer, run: RunContext, parameters: str) -> object:
    place = Place("mariadb", f"{server.url('information_schema', 'guarded')}?{parameters}", run, lambda _: [])
    query = "select variable_value as v from session_status where variable_name = 'ssl_cipher'"
    return place.read(query=query).to_pylist()[0]["v"]


@pytest.mark.parametrize(
    "parameters", ["sslMode=VERIFY_IDENTITY", "sslMode=verify-full", "sslMode=verify-ca", "useSSL=true"]
)
def test_mariadb_of_the_known_authority_is_believed(
    mariadb_with_tls: MariadbServer, own: Certified, run: RunContext, parameters: str
) -> None:
    assert _cipher(mariadb_with_tls, run, f"{parameters}&ssl_ca={own.authority}")


@pytest.mark.parametrize("parameters", ["sslMode=VERIFY_IDENTITY", "sslMode=VERIFY_CA", "verifyServerCertificate=true"])
def test_a_strange_mariadb_is_not_and_the_op_is_not_retried(
    mariadb_with_tls: MariadbServer, other: Certified, run: RunContext, parameters: str
) -> None:
    with pytest.raises(TerminalError, match="certificate verify failed"):
        _cipher(mariadb_with_tls, run, f"{parameters}&ssl_ca={other.authority}")


def test_mariadb_is_spoken_to_as_the_url_says(mariadb_with_tls: MariadbServer, run: RunContext) -> None:
    assert _cipher(mariadb_with_tls, run, "sslMode=REQUIRED")
    assert _cipher(mariadb_with_tls, run, "")
    with pytest.raises(TerminalError, match="Access denied"):
        _cipher(mariadb_with_tls, run, "useSSL=false")
