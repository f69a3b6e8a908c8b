"""`plugin.toml`: what a plugin is, who made it, and what it asks for."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.plugins.drivers import DriverName
from lumos_dagster.plugins.guest import Description, Kind, Limits
from lumos_dagster.plugins.options import check_schema, schema_of
from lumos_dagster.plugins.rights import RightsAsked
from lumos_dagster.problems import problems_of
from lumos_dagster.strict import StrictModel

MANIFEST = "plugin.toml"
_KINDS: tuple[Kind, ...] = get_args(Kind)
_LARGEST = 1 << 20


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise ValueError("must be a to z, 0 to 9, _ and -, at most 64 of them, and begin with a letter or digit")
    return text


def _inside(text: str) -> str:
    """A path that stays in the plugin's folder on every system."""
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]", text):
        raise ValueError("must be a path inside the plugin's folder, its parts separated by /")
    return str(path)


PluginName = Annotated[str, AfterValidator(_name)]
InsidePath = Annotated[str, AfterValidator(_inside)]


class LimitsAsked(StrictModel):
    """What the plugin's code may use; a Python plugin's is not limited."""

    memory_mb: int = Field(Limits.memory_mb, gt=0, le=4096)
    """Memory in MiB."""
    timeout_seconds: float = Field(Limits.timeout_seconds, gt=0, allow_inf_nan=False)
    """Wall-clock seconds for each call."""
    log_lines: int = Field(Limits.log_lines, ge=0)
    """Lines of log for each attempt of an op."""

    def limits(self) -> Limits:
        """The same, as drivers take it."""
        return Limits(self.memory_mb, self.timeout_seconds, self.log_lines)


class TestText(StrictModel):
    """What `lumos plugin test` runs it with."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options that it works with; or those of each kind, under the kind's name."""
    rows: tuple[dict[str, Any], ...] = ()
    """What a transformer or loader is given; a sample if absent."""


class Manifest(StrictModel):
    """What a plugin is. For a binary, what it says of itself completes what is left out here."""

    name: PluginName
    """What job files call it."""
    driver: DriverName
    """How its code is run."""
    entry: InsidePath
    """Its code: a binary, or a Python file or package, inside the folder."""
    version: str = "0"
    """Its version."""
    description: str = ""
    """What it does, in a sentence."""
    author: str = ""
    """Who made it."""
    license: str = ""
    """What one may do with it."""
    kinds: tuple[Kind, ...] = ()
    """What it gives: extractor, transformer, loader."""
    abi: str = ""
    """What its binary speaks."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The digest of the entry file, where the author wants it checked."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The JSON Schema of its options; or one for each kind, under the kind's name. Python's are its class."""
    atomic: bool = False
    """Whether a load that fails leaves nothing behind, so that a retry may read its input anew."""
    grants: RightsAsked = RightsAsked()
    """What it asks to reach."""
    limits: LimitsAsked = LimitsAsked()
    """What it may use."""
    test: TestText = TestText()
    """What it is tested with."""

    @field_validator("options")
    @classmethod
    def _can_be_a_model(cls, options: dict[str, Any]) -> dict[str, Any]:
        for kind in _KINDS:
            check_schema(schema_of(options, kind))
        return options

    @model_validator(mode="after")
    def _fits_its_driver(self) -> "Manifest":
        if self.driver != "wasm" and self.grants != RightsAsked():
            raise ValueError(
                f"[grants] are for WebAssembly plugins: a {self.driver} plugin has the rights of the process it runs in"
            )
        if self.driver == "python" and self.options:
            raise ValueError("[options] are for binaries: the options of a Python plugin are the fields of its class")
        return self

    def completed(self, said: Description) -> "Manifest":
        """With what the binary says of itself. Raises ConfigError where the two contradict each other."""
        problems = []
        if self.abi and self.abi != said.abi:
            problems.append(Problem(f"the binary speaks {said.abi}, the manifest says abi {self.abi!r}", path="abi"))
        if foreign := [kind for kind in self.kinds if kind not in said.kinds]:
            found = ", ".join(said.kinds) or "none"
            problems.append(Problem(f"the binary is no {foreign[0]}; it gives: {found}", path="kinds"))
        if "net" in said.needs and not self.grants.net:
            hint = 'Write net = ["host:port"] under [grants], or net = ["*"] to let the operator choose.'
            problems.append(
                Problem("the binary wants the network, the manifest asks for none", path="grants", hint=hint)
            )
        if problems:
            raise ConfigError(problems)
        texts = ("description", "author", "license")
        given = {name: getattr(self, name) or getattr(said, name) for name in texts}
        options = self.options or _options_told(said)
        return Manifest.model_validate(
            {**self.model_dump(), **given, "abi": said.abi, "kinds": self.kinds or said.kinds, "options": options}
        )


def manifest_of(said: Description, driver: DriverName, entry: str) -> Manifest:
    """The manifest of a binary that came without one. Raises ConfigError where what it says cannot be one."""
    raw = {
        "name": said.name.lower().replace(" ", "-"), "driver": driver, "entry": entry, "version": said.version,
        "grants": dict.fromkeys(said.needs, ("*",)),
    }  # fmt: skip
    return read_manifest(raw, entry).completed(said)


def load_manifest(folder: Path) -> Manifest:
    """The manifest in a plugin's folder. Raises ConfigError with every mistake and, where it can be told, its line."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            text = stream.read(_LARGEST + 1).decode()
    except OSError as error:
        raise ConfigError(Problem(f"the manifest cannot be read: {error.strerror}", file=str(path))) from None
    except UnicodeDecodeError as error:
        raise ConfigError(Problem(f"the manifest is not UTF-8: byte {error.start}", file=str(path))) from None
    if len(text) > _LARGEST:
        raise ConfigError(Problem("the manifest is larger than 1 MiB", file=str(path)))
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line, column = _told(str(error))
        raise ConfigError(Problem(f"not TOML: {message}", file=str(path), line=line, column=column)) from None
    return read_manifest(raw, str(path), text)


def read_manifest(raw: Mapping[str, Any], file: str, text: str = "") -> Manifest:
    """The manifest of what TOML gives. Raises ConfigError with every mistake."""
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        found = problems_of(error, raw)
    raise ConfigError(
        Problem(p.message, p.path, file, _line(text, p.path), None, p.found, p.allowed, p.hint) for p in found
    )


def _options_told(said: Description) -> dict[str, Any]:
    told = {kind: dict(schema) for kind, schema in said.options.items()}
    return told.get("", {}) if set(told) <= {""} else {kind: told.get(kind, told.get("", {})) for kind in said.kinds}


def _told(message: str) -> tuple[str, int | None, int | None]:
    """TOML's complaint without its place, and the place."""
    place = re.search(r" \(at line (\d+), column (\d+)\)", message)
    if not place:
        return message, None, None
    return message[: place.start()], int(place[1]), int(place[2])


def _line(text: str, path: str) -> int | None:
    """Where a key of the manifest stands, else what is nearest around it."""
    places = _places(text)
    while path and path not in places:
        path = path.rpartition(".")[0]
    return places.get(path)


def _places(text: str) -> dict[str, int]:
    """The line of every table and key that stands at the beginning of one."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = header[1].strip()
            found[table] = number
        elif key := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line):
            found[f"{table}.{key[1]}".lstrip(".")] = number
    return found
