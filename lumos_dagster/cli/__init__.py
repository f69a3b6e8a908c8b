"""The `lumos` command. Exit codes: 0 done, 1 run failed, 2 configuration error, 3 done with rejects."""

import click

from lumos_dagster.cli.check import list_jobs, schema, validate
from lumos_dagster.cli.plugin import plugin
from lumos_dagster.cli.rejects import rejects
from lumos_dagster.cli.run import run, show


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lumos-dagster")
def main() -> None:
    """Lumos DataFlow: one YAML file, one Dagster job, every row accounted for."""


main.add_command(run)
main.add_command(show)
main.add_command(validate)
main.add_command(list_jobs)
main.add_command(schema)
main.add_command(rejects)
main.add_command(plugin)
