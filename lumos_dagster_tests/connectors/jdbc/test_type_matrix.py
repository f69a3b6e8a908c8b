"""The matrix of types."""
from typing import Any
import pytest
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_mariadb import MARIADB
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_postgresql import POSTGRESQL
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_sqlite import SQLITE
from lumos_dagster_tests.connectors.jdbc.type_matrix.trying import Trial

NATIVES = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE}

def test_matrix(place, postgres_place, mariadb_place, sqlite_place):
    for tried in Trial(place, NATIVES[place.name]).tried([postgres_place, mariadb_place, sqlite_place]):
        print(tried.native.declared, "|", tried.arrow, "|", {k: c.made for k, c in tried.targets.items()})
        for o in tried.outside: print("    OUTSIDE", o[:250])
        for k, c in {"itself": tried.itself, **tried.targets}.items():
            for r in c.refused: print("    REFUSED", k, r[:300])
            for r in c.changed: print("    CHANGED", k, r[:300])
