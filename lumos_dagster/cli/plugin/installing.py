"""`lumos plugin install` and `uninstall`."""

from collections.abc import Sequence
from pathlib import Path

import click

from lumos_dagster.catalog import BUILT_IN
from lumos_dagster.cli.plugin.answers import JSON, as_dict, print_json, rights_lines, told
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.rights import parse_grants
from lumos_dagster.plugins.store import install, plugins_folder, uninstall


@click.command("install")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--grant", "grants", multiple=True, metavar="RIGHT=WHAT", help="net=host:port, fs=folder, env=NAME, secrets=option."
)
@JSON
def install_plugin(path: Path, grants: Sequence[str], as_json: bool) -> None:
    """Install the plugin at PATH: a folder with plugin.toml, or a bare .wasm, .so, .dll or .dylib file.

    It is checked first: a binary is asked in a sandbox what it is, and WebAssembly is compiled. What it asks to reach
    must be granted, each by name. Installing another version of it upgrades; rights granted before stay.
    """
    plugin = told(lambda: install(path, parse_grants(grants), plugins_folder()), as_json)
    if as_json:
        print_json({"installed": as_dict(plugin)})
        return
    manifest = plugin.manifest
    name = manifest.name
    click.echo(
        f"installed {name} {manifest.version} ({manifest.driver}: {', '.join(manifest.kinds)}) in {plugin.folder}"
    )
    for line in rights_lines(vars(plugin.rights)):
        click.echo(f"granted {line}")
    called = f"plugin:{name}" if any(name in BUILT_IN.get(kind, {}) for kind in manifest.kinds) else name
    click.echo(f"In a job file: {manifest.kinds[0]}_type: {called}")


@click.command("uninstall")
@click.argument("name")
@JSON
def uninstall_plugin(name: str, as_json: bool) -> None:
    """Uninstall the plugin NAME. The folder of one that was installed from where it lay is left alone."""
    plugin = told(lambda: _uninstalled(name), as_json)
    if as_json:
        print_json({"uninstalled": plugin.manifest.name})
    else:
        click.echo(f"uninstalled {plugin.manifest.name} {plugin.manifest.version}")


def _uninstalled(name: str) -> Installed:
    folder = plugins_folder()
    try:
        return uninstall(name, folder)
    except ConfigError:
        if any(name in components for components in BUILT_IN.values()):
            raise ConfigError(
                Problem(f"{name} is built in: it is a part of Lumos, and cannot be uninstalled")
            ) from None
        raise
