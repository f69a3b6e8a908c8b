"""`lumos plugin new`: a plugin to begin with."""

from pathlib import Path
from typing import get_args

import click

from lumos_dagster.cli.plugin.answers import JSON, KIND, print_json, told
from lumos_dagster.plugins.drivers import DriverName
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.making import make_plugin


@click.command()
@click.argument("name")
@click.option("--driver", type=click.Choice(get_args(DriverName)), default="python", show_default=True)
@click.option("--kind", type=KIND, required=True)
@click.option(
    "--in", "where", type=click.Path(path_type=Path), default=".", help="The folder to make it in; default: this one."
)
@JSON
def new(name: str, driver: DriverName, kind: Kind, where: Path, as_json: bool) -> None:
    """Make a plugin NAME that works, in a folder of that name, to be changed into yours."""
    home, files = told(lambda: make_plugin(name, driver, kind, where), as_json)
    if as_json:
        print_json({"folder": str(home), "files": files})
        return
    click.echo(f"made {home}: {', '.join(files)}")
    click.echo(f"Next: read {home / 'README.md'}, then: lumos plugin install {home}")
