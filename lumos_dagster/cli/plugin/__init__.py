"""`lumos plugin`: what is installed and what it may do, installing and removing it, making and testing one."""

import click

from lumos_dagster.cli.plugin.installing import install_plugin, uninstall_plugin
from lumos_dagster.cli.plugin.looking import capabilities, info, list_plugins, validate
from lumos_dagster.cli.plugin.making import new
from lumos_dagster.cli.plugin.testing import test_plugin


@click.group()
def plugin() -> None:
    """Extractors, transformers and loaders from outside: Python, dynamic libraries, WebAssembly."""


plugin.add_command(list_plugins)
plugin.add_command(info)
plugin.add_command(install_plugin)
plugin.add_command(uninstall_plugin)
plugin.add_command(validate)
plugin.add_command(capabilities)
plugin.add_command(new)
plugin.add_command(test_plugin)
