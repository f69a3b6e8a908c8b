"""No password is kept or told by the embedded instance, under either executor, whether the run succeeds or fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumos_dagster_tests.servers.canaries import files, leaks
from lumos_dagster_tests.servers.instances import embedded
from lumos_dagster_tests.servers.postgres import PASSWORD, PASSWORD_USER, PostgresDatabase

SECRETS = {"RIGHT": PASSWORD, "WRONG": "wr/ng p@ss-4711", "TOKEN": "token-canary-4712"}
JOB = """
version: 1
name: Careful
vars: {{password: "${{{password}}}"}}
jobs:
  read: {{type: extractor, extractor_type: memory, options: {{records: [{{id: "1", token: a}}, {{id: "{id}", token: b}}]}}}}
  clean: {{type: transformer, transformer_type: json, options: {{transforms: [{{operation: hash, field: token, salt: "${{TOKEN}}"}}]}}}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "jdbc:postgresql://{place}", username: {user}, password: "${{vars.password}}", table_name: careful}}
dag: {{dependencies: {{clean: [read], load: [clean]}}}}
"""


@pytest.mark.parametrize("executor", ["in_process", pytest.param("multiprocess", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("password", "id_", "said"),
    [
        ("RIGHT", "2", "load: done, 2 rows"),
        pytest.param("RIGHT", "x", "set on_error: null, reject or skip", marks=pytest.mark.slow),
        ("WRONG", "2", "password authentication failed"),
    ],
    ids=["right", "a bad row", "a wrong password"],
)
def test_no_password_is_kept_or_told(
    password: str, id_: str, said: str, executor: str, postgres: PostgresDatabase, tmp_path: Path
) -> None:
    with postgres.connect() as connection:
        connection.execute("create table careful (id bigint, token text)")
        connection.execute(f"alter table careful owner to {PASSWORD_USER}")
        connection.execute(f"grant all on schema public to {PASSWORD_USER}")
    place = f"127.0.0.1:{postgres.server.port}/{postgres.name}"
    (tmp_path / "careful.yaml").write_text(JOB.format(password=password, id=id_, place=place, user=PASSWORD_USER))
    environment = {**os.environ, **SECRETS, **embedded(tmp_path / "home")}
    command = [sys.executable, "-m", "lumos_dagster.cli", "run", "careful.yaml", "--executor", executor]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=150)

    told = done.stdout + done.stderr
    assert said in told.decode()
    assert leaks([*files(tmp_path / "home"), ("output", told)], SECRETS) == []
