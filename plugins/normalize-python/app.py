"""normalize: a text column in lower case and without spaces around it, as a component over JSON."""

import json
from string import ascii_lowercase, ascii_uppercase

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Encodings, Error_Config, Kinds, Metadata

LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
SCHEMA = {
    "type": "object",
    "required": ["field", "to"],
    "additionalProperties": False,
    "properties": {
        "field": {"type": "string", "description": "The text column."},
        "to": {"type": "string", "description": "The column to write."},
    },
}
options: dict[str, str] = {}


class Plugin(exports.Plugin):
    """What the plugin says of itself."""

    def describe(self) -> Metadata:
        """Asked once, when it is installed."""
        description = "Writes a text column, ASCII letters in lower case and spaces around it trimmed, to another."
        kinds, ways = Kinds.TRANSFORMER, Encodings.JSON
        return Metadata("normalize-python", "1.0.0", description, "", "MIT", kinds, ways, json.dumps(SCHEMA))


class Transformer(exports.Transformer):
    """The transformation."""

    def open(self, given: str) -> None:
        """Keep the options."""
        options.update(json.loads(given))
        if not {"field", "to"} <= options.keys():
            raise Err(Error_Config("the options field and to are needed"))

    def apply(self, rows: str) -> str:
        """One batch."""
        changed = json.loads(rows)
        for row in changed:
            if options["field"] not in row:
                raise Err(Error_Config("field names no column"))
            value = row[options["field"]]
            row[options["to"]] = None if value is None else value.strip(" ").translate(LOWER)
        return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))

    def close(self) -> None:
        """Nothing is to be done."""
