"""The `lumos` command. Exit codes: 0 done, 1 run failed, 2 configuration error, 3 done with rejects."""

from collections.abc import Mapping
from importlib import import_module

import click

from lumos_dagster.orchestration.garbage import seldom

_COMMANDS: Mapping[str, str] = {
    "run": "run:run",
    "show": "run:show",
    "validate": "check:validate",
    "list": "check:list_jobs",
    "schema": "check:schema",
    "rejects": "rejects:rejects",
    "plugin": "plugin:plugin",
}


class _Commands(click.Group):
    """Each command, imported when it is asked for: most of a short command's time is imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lumos-dagster")
def main() -> None:
    """Lumos DataFlow: one YAML file, one Dagster job, every row accounted for."""
    seldom()
