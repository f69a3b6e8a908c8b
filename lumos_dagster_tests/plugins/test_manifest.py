"""`plugin.toml`: what is read, and every mistake with its line."""

from pathlib import Path

import pytest

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.plugins.guest import Description
from lumos_dagster.plugins.manifest import Manifest, load_manifest, manifest_of

GOOD = """
name = "geo"
version = "1.2.0"
driver = "wasm"
entry = "build/geo.wasm"
kinds = ["transformer"]

[options]
type = "object"
required = ["field"]

[options.properties.field]
type = "string"

[grants]
net = "db.example.com:27017"

[limits]
memory_mb = 64
"""

SAID = Description("Geo Tools", "2.0", "lumos-core/1", ("transformer", "loader"), "Measures.", "Ann", "MIT")


def load(tmp_path: Path, text: str) -> Manifest:
    (tmp_path / "plugin.toml").write_text(text)
    return load_manifest(tmp_path)


def mistakes(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    return raised.value.problems


def test_a_manifest_is_read(tmp_path: Path) -> None:
    manifest = load(tmp_path, GOOD)

    assert (manifest.name, manifest.driver, manifest.kinds) == ("geo", "wasm", ("transformer",))
    assert manifest.grants.rights().net == ("db.example.com:27017",)
    assert manifest.limits.limits().memory_mb == 64
    assert manifest.limits.limits().timeout_seconds == 60


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = GOOD.replace("geo", "Geo", 1).replace("wasm", "wsm", 1).replace("memory_mb = 64", "memory = 64")

    found = mistakes(tmp_path, text)

    assert [(problem.line, problem.path) for problem in found] == [(2, "name"), (4, "driver"), (19, "limits.memory")]
    assert "allowed: python, native, wasm" in str(found[1])
    assert "Did you mean 'memory_mb'?" in str(found[2])
    assert all(problem.file == str(tmp_path / "plugin.toml") for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('name = "geo"', 'name = "geo', 2, "not TOML"),
        ("[limits]", "[limit", 18, "not TOML"),
        ("build/geo.wasm", "../geo.wasm", 5, "must be a path inside the plugin's folder"),
        ("build/geo.wasm", "/etc/passwd", 5, "must be a path inside the plugin's folder"),
        ("build/geo.wasm", "C:\\\\geo.wasm", 5, "must be a path inside the plugin's folder"),
        ('"transformer"', '"transfomer"', 6, "Did you mean 'transformer'"),
        ('type = "string"', 'type = "text"', 8, "field: 'text' is no type of JSON Schema"),
        ('type = "string"', 'if = {}', 8, "field: the keyword 'if' is not supported"),
        ('type = "string"', 'type = "string"\npattern = "("', 8, "is no schema for options"),
        ('type = "string"', 'type = "string"\n[options.properties.n]\ntype = "integer"\ndefault = "x"', 8, "n: its default does not fit"),
        ('"field"]', '"feld"]', 8, "requires 'feld', which is not among its properties"),
        ("memory_mb = 64", "memory_mb = 0", 19, "must be greater than 0"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    (found,) = mistakes(tmp_path, GOOD.replace(old, new))

    assert said in str(found)
    assert found.line == line


def test_only_webassembly_is_granted_rights(tmp_path: Path) -> None:
    text = 'name = "geo"\ndriver = "native"\nentry = "geo.so"\n[grants]\nnet = ["*"]\n'

    (found,) = mistakes(tmp_path, text)

    assert "a native plugin has the rights of the process it runs in" in found.message


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the manifest cannot be read: No such file"):
        load_manifest(tmp_path)


def test_what_a_binary_says_completes_its_manifest(tmp_path: Path) -> None:
    manifest = load(tmp_path, GOOD).completed(SAID)

    assert (manifest.version, manifest.description, manifest.author) == ("1.2.0", "Measures.", "Ann")
    assert (manifest.abi, manifest.kinds) == ("lumos-core/1", ("transformer",))


def test_a_binary_that_contradicts_its_manifest_is_refused(tmp_path: Path) -> None:
    manifest = load(tmp_path, 'abi = "lumos-legacy"\n' + GOOD.replace('"transformer"', '"extractor"'))

    with pytest.raises(ConfigError) as raised:
        manifest.completed(SAID)

    assert "the binary speaks lumos-core/1, the manifest says abi 'lumos-legacy'" in str(raised.value)
    assert "the binary is no extractor; it gives: transformer, loader" in str(raised.value)


def test_a_bare_binary_is_what_it_says() -> None:
    manifest = manifest_of(SAID, "wasm", "geo.wasm")

    assert (manifest.name, manifest.version, manifest.license) == ("geo-tools", "2.0", "MIT")
    assert manifest.kinds == ("transformer", "loader")
