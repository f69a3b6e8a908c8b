"""The YAML in the UI: no secret of the file stands in it."""

from lumos_dagster.orchestration.options import config_schema
from lumos_dagster.orchestration.redaction import shown_text
from lumos_dagster.transforms.json import Json
from lumos_dagster_tests.orchestration.parts import Numbers, entry, job

TEXT = """
jobs:
  a: {options: {password: hunter2, connection_string: "postgresql://me:hunter3@host/db"}}
  b: {options: {password: "${DB_PASSWORD}", connection_string: "jdbc:postgresql://host/db?user=me&password=hunter4"}}
"""


def test_literal_secrets_are_hidden_and_placeholders_and_addresses_stay() -> None:
    shown = shown_text(job(entry("a", "extractor", Numbers, options={"password": "hunter2"}), text=TEXT))
    assert "hunter" not in shown
    assert "${DB_PASSWORD}" in shown
    assert "postgresql://me:********@host/db" in shown
    assert "jdbc:postgresql://host/db?user=me&password=********" in shown


def test_a_salt_inside_of_an_operation_is_hidden_and_a_placeholder_stays() -> None:
    def shown(salt: str) -> tuple[str, bool]:
        options = {"transforms": [{"operation": "hash", "field": "mail", "salt": salt}]}
        cleaning = entry("a", "transformer", Json, options=options)
        text = f"jobs:\n  a: {{transforms: [{{operation: hash, field: mail, salt: '{salt}'}}]}}\n"
        return shown_text(job(cleaning, text=text)), config_schema(cleaning)["transforms"].default_provided

    assert shown("pepper-and-salt")[0].count("pepper") == 0
    assert shown("pepper-and-salt")[1] is False
    assert "${SALT}" in shown("${SALT}")[0]
    assert shown("${SALT}")[1] is True
