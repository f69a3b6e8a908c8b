"""What a guest says of itself, held against what is expected."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lumos_dagster.plugins.guest import Description, Kind
from lumos_dagster.plugins.wasm.sandbox import Sandbox

_FUNCTIONS: Mapping[str, Kind] = {"extract": "extractor", "transform": "transformer", "load": "loader"}
KINDS: tuple[Kind, ...] = ("extractor", "transformer", "loader")


def kinds_of(names: Iterable[str]) -> tuple[Kind, ...]:
    """What a core module with these functions can be."""
    return tuple(kind for name, kind in _FUNCTIONS.items() if name in names)


def document(data: bytes | str, sandbox: Sandbox) -> Any:
    """A JSON document that the guest gave. Raises PluginError where it is none."""
    try:
        return json.loads(data)
    except UnicodeDecodeError as error:
        raise sandbox.error(f"gave bad UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}") from None
    except (ValueError, RecursionError) as error:
        raise sandbox.error(f"gave malformed JSON: {error}") from None


def described(
    sandbox: Sandbox, abi: str, said: Mapping[str, Any], kinds: tuple[Kind, ...], needs: tuple[str, ...] = ()
) -> Description:
    """The description out of a metadata document; `kinds` is what the binary exports."""
    wanted = said.get("kinds") or [kind for kind in kinds if said.get("plugin_type", "all") in (kind, "all")]
    found = tuple(kind for kind in kinds if kind in wanted)
    if not found:
        raise sandbox.error(f"says that it is {wanted!r}, but exports {', '.join(kinds) or 'none of these'}")
    texts = {name: said.get(name, "") for name in ("version", "description", "author", "license")}
    name = said.get("name") or sandbox.code.name
    odd = [key for key, value in {"name": name, **texts}.items() if not isinstance(value, str)]
    if odd:
        raise sandbox.error(f"gave metadata whose {', '.join(odd)} is no text")
    return Description(
        name=name, abi=abi, kinds=found, options=_options(sandbox, said.get("options")), needs=needs, **texts
    )


def _options(sandbox: Sandbox, schema: Any) -> Mapping[str, Mapping[str, Any]]:
    """One JSON Schema for all kinds, or one for each."""
    if isinstance(schema, str):
        schema = document(schema, sandbox) if schema.strip() else None
    if schema is None:
        return {}
    if not isinstance(schema, dict):
        raise sandbox.error("gave an options schema that is no JSON object")
    if schema and all(key in KINDS and isinstance(value, dict) for key, value in schema.items()):
        return schema
    return {"": schema}
