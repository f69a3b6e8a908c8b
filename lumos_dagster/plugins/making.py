"""A new plugin out of a template: `templates/<driver>/<kind>`, beside this file.

A template is a folder of files whose names may end in `.template`, which is taken away; in their names and texts
`@name@` becomes the plugin's name, `@ident@` the same as an identifier, and `@Class@` the same as a class is named.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.plugins.component import class_name
from lumos_dagster.plugins.drivers import DriverName
from lumos_dagster.plugins.guest import Kind
from lumos_dagster.plugins.manifest import PluginName

_TEMPLATES = Path(__file__).with_name("templates")


def make_plugin(name: str, driver: DriverName, kind: Kind, where: Path) -> tuple[Path, list[str]]:
    """Write a plugin that works into a new folder `where`/`name`; the folder and the names of its files.

    Raises ConfigError for a name that none can have, and for a folder that is there already.
    """
    try:
        TypeAdapter(PluginName).validate_python(name)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(Problem(f"the name {message}", found=repr(name))) from None
    template = _TEMPLATES / driver / kind
    if not template.is_dir():
        known = tuple(f"--driver {path.parent.name} --kind {path.name}" for path in sorted(_TEMPLATES.glob("*/*")))
        raise ConfigError(Problem(f"there is no template of a {kind} for the driver {driver}", allowed=known))
    home = where / name
    if home.exists():
        raise ConfigError(Problem(f"{home} is there already", hint="Choose another name, or remove it."))
    ident = name.replace("-", "_")
    words = {"@name@": name, "@ident@": ident if not ident[0].isdigit() else f"_{ident}", "@Class@": class_name(name)}
    files = []
    for path in sorted(path for path in template.rglob("*") if path.is_file()):
        file = _replaced(path.relative_to(template).as_posix().removesuffix(".template"), words)
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(_replaced(path.read_text("utf-8"), words), "utf-8")
        files.append(file)
    return home, files


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
