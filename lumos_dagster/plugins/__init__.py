"""Plugins: extractors, transformers and loaders from outside, behind the same interface as the built-in ones."""

from lumos_dagster.plugins.component import Use, narrowed_class, use_of
from lumos_dagster.plugins.installed import Installed
from lumos_dagster.plugins.project import Plugins, load_plugins
from lumos_dagster.plugins.rights import excess, narrowed, tighter
from lumos_dagster.plugins.store import plugins_folder

__all__ = [
    "Installed",
    "Plugins",
    "Use",
    "excess",
    "load_plugins",
    "narrowed",
    "narrowed_class",
    "plugins_folder",
    "tighter",
    "use_of",
]
