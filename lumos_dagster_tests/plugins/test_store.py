"""Installing, upgrading, uninstalling; and everything that is refused."""

import json
import threading
from pathlib import Path

import pytest
import wasmtime

from lumos_dagster.catalog import project_catalog
from lumos_dagster.errors import ConfigError, PluginError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.lock import read_lock
from lumos_dagster.plugins.project import load_plugins
from lumos_dagster.plugins.store import install, read_source, uninstall
from lumos_dagster_tests.plugins.conftest import NUMBERS, Install, Source
from lumos_dagster_tests.plugins.wasm.guests import core


@pytest.fixture(autouse=True)
def _compiled_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A bare WebAssembly transformer with a schema of its options."""
    schema = {"properties": {"field": {"type": "string"}}}
    path = tmp_path / "echo.wasm"
    path.write_bytes(wasmtime.wat2wasm(core("(local.get $rows)", {"name": "Echo", "options": schema})))
    return path


def wasm(home: Path, binary: Path, more: str = "") -> Path:
    """The binary with a manifest."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "echo.wasm").write_bytes(binary.read_bytes())
    (home / "plugin.toml").write_text(f'name = "echo"\ndriver = "wasm"\nentry = "echo.wasm"\n{more}\n')
    return home


def test_install_copies_the_plugin_and_records_its_digests(folder: Path, source: Source) -> None:
    home = source()
    (home / "notes.txt").write_text("not a part of it")

    plugin = install(home, Rights(), folder)

    assert sorted(path.name for path in (folder / "numbers").iterdir()) == [".installed", "code.py", "plugin.toml"]
    assert set(plugin.files) == {"code.py", "plugin.toml"}
    assert read_lock(folder)["numbers"] == plugin
    assert sorted(path.name for path in folder.iterdir()) == ["numbers", "plugins.lock"]


def test_a_bare_binary_is_read_from_what_it_says_of_itself(folder: Path, echo: Path) -> None:
    manifest = install(echo, Rights(), folder).manifest

    assert (manifest.name, manifest.abi, manifest.kinds) == ("echo", "lumos-core/1", ("transformer",))
    assert list(project_catalog().transformers["echo"].option_names()) == ["field"]


def test_a_plugin_that_lies_in_the_folder_is_installed_where_it_is(folder: Path, source: Source) -> None:
    home = source(where=folder)

    install(home, Rights(), folder)
    assert "numbers" in project_catalog().extractors
    uninstall("numbers", folder)

    assert "numbers" not in project_catalog().extractors
    assert (home / "code.py").exists(), "the source of a plugin is not ours to remove"


def test_uninstall_removes_what_install_has_made(folder: Path, installed: Install) -> None:
    installed()

    uninstall("numbers", folder)

    assert [path.name for path in folder.iterdir()] == ["plugins.lock"]
    with pytest.raises(ConfigError, match="no plugin 'numbers' is installed"):
        uninstall("numbers", folder)


def test_installing_again_upgrades(folder: Path, installed: Install) -> None:
    installed(more='version = "1"')
    before = project_catalog().extractors["numbers"]

    installed(code=NUMBERS.replace("count: int = 3", "count: int = 9"), more='version = "2"')

    after = project_catalog().extractors["numbers"]
    assert (before().count, after().count) == (3, 9)  # type: ignore[attr-defined]
    assert load_plugins().plugins["numbers"].manifest.version == "2"


def test_a_folder_that_is_somebody_elses_is_not_replaced(folder: Path, installed: Install) -> None:
    (folder / "numbers").mkdir(parents=True)
    (folder / "numbers" / "thesis.txt").write_text("years of work")

    with pytest.raises(ConfigError, match="is there already, and was not installed"):
        installed()

    assert (folder / "numbers" / "thesis.txt").read_text() == "years of work"


def test_what_is_asked_for_must_be_granted_and_nothing_else_may(folder: Path, tmp_path: Path, echo: Path) -> None:
    home = wasm(tmp_path / "echo", echo, '[grants]\nnet = ["db:27017", "*.example.com:443"]')

    with pytest.raises(ConfigError) as raised:
        install(home, Rights(net=("a.example.com:443",), env=("HOME",)), folder)

    assert [problem.message for problem in raised.value.problems] == [
        "the plugin asks for net 'db:27017', which is not granted",
        "env=HOME is granted, but the plugin does not ask for it",
    ]
    assert "--grant net=db:27017" in str(raised.value)
    assert not (folder / "plugins.lock").exists()


def test_an_upgrade_keeps_its_rights_and_needs_a_grant_for_more(folder: Path, tmp_path: Path, echo: Path) -> None:
    home = wasm(tmp_path / "echo", echo, '[grants]\nnet = ["db:27017"]')
    install(home, Rights(net=("db:27017",)), folder)

    wasm(home, echo, 'version = "2"\n[grants]\nnet = ["db:27017"]')
    assert install(home, Rights(), folder).rights == Rights(net=("db:27017",))

    wasm(home, echo, 'version = "3"\n[grants]\nnet = ["db:27017", "evil:80"]')
    with pytest.raises(ConfigError, match="asks for net 'evil:80', which is not granted"):
        install(home, Rights(), folder)
    assert read_lock(folder)["echo"].manifest.version == "2"

    wasm(home, echo, 'version = "4"')
    assert install(home, Rights(), folder).rights == Rights()


@pytest.mark.parametrize("file", ["code.py", "plugin.toml"])
def test_a_file_that_was_changed_is_refused(folder: Path, installed: Install, file: str) -> None:
    plugin = installed()
    with (folder / "numbers" / file).open("a") as stream:
        stream.write("\n# changed\n")

    with pytest.raises(PluginError, match=f"plugin numbers: load: .*{file} is not what was installed"):
        plugin.verified()


def test_a_binary_that_was_changed_is_refused(folder: Path, echo: Path) -> None:
    plugin = install(echo, Rights(), folder)
    (folder / "echo" / "echo.wasm").write_bytes(b"\0asm\1\0\0\0")

    with pytest.raises(PluginError, match=r"echo\.wasm is not what was installed"):
        plugin.verified()
    assert "echo" in project_catalog().transformers, "the code server reads no binary"


def test_a_file_that_came_later_or_is_gone_is_refused(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "sources" / "numbers"
    (home / "pack").mkdir(parents=True)
    (home / "plugin.toml").write_text('name = "numbers"\ndriver = "python"\nentry = "pack"\n')
    (home / "pack" / "__init__.py").write_text("from .deep import Numbers\n")
    (home / "pack" / "deep.py").write_text(NUMBERS)
    plugin = install(home, Rights(), folder)
    assert "numbers" in project_catalog().extractors
    assert set(plugin.files) == {"plugin.toml", "pack/__init__.py", "pack/deep.py"}

    (folder / "numbers" / "pack" / "more.py").write_text("")
    with pytest.raises(PluginError, match=r"more\.py was not installed with it"):
        plugin.verified()
    (folder / "numbers" / "pack" / "more.py").unlink()
    (folder / "numbers" / "pack" / "deep.py").unlink()
    with pytest.raises(PluginError, match=r"deep\.py is gone"):
        plugin.verified()


def test_links_are_refused_in_the_source_and_after(folder: Path, tmp_path: Path, source: Source) -> None:
    home = source()
    (tmp_path / "elsewhere.py").write_text(NUMBERS)
    (home / "code.py").unlink()
    (home / "code.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(PluginError, match=r"code\.py is a link"):
        install(home, Rights(), folder)
    (tmp_path / "link").symlink_to(source("other"))
    with pytest.raises(ConfigError, match="the plugin is a link"):
        install(tmp_path / "link", Rights(), folder)

    plugin = install(source("third"), Rights(), folder)
    (folder / "third" / "code.py").rename(tmp_path / "moved.py")
    (folder / "third" / "code.py").symlink_to(tmp_path / "moved.py")
    with pytest.raises(PluginError, match=r"code\.py is a link"):
        plugin.verified()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("numbers", "../numbers"), "must be a to z"),
        (('"home": "numbers"', '"home": ".."'), "must be a path inside"),
        (('"home": "numbers"', '"home": "a/b"'), "match pattern"),
        (('"code.py"', '"../../code.py"'), "must be a path inside"),
        (('"version": 1', '"version": 2'), "must be less than or equal to 1"),
        (("{", "["), "the lock cannot be read"),
    ],
)
def test_a_lock_that_leads_elsewhere_or_is_damaged_disables_plugins_and_nothing_else(
    folder: Path, installed: Install, change: tuple[str, str], said: str
) -> None:
    installed()
    lock = folder / "plugins.lock"
    lock.write_text(lock.read_text().replace(*change))

    with pytest.raises(ConfigError, match=said):
        read_lock(folder)
    catalog = project_catalog()
    assert "csv" in catalog.extractors
    assert "numbers" not in catalog.extractors
    assert said in catalog.unusable[""]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no such luck')", "plugin numbers: import: RuntimeError: no such luck"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("x = 1", "has no class derived from Extractor, Transformer, Combiner or Loader"),
        (NUMBERS + "\n\nclass More(Numbers):\n    pass\n", "has two extractors, Numbers and More"),
        ("def (", "SyntaxError"),
    ],
)
def test_broken_code_is_refused(folder: Path, installed: Install, code: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        installed(code=code)

    assert not (folder / "numbers").exists()


def test_what_is_no_plugin_is_refused(folder: Path, tmp_path: Path, source: Source) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.wasm").write_text("x")
    with pytest.raises(ConfigError, match=r"a\.txt is no plugin; allowed: a folder with plugin\.toml, \.wasm"):
        read_source(tmp_path / "a.txt")
    with pytest.raises(PluginError, match=r"a\.wasm is no WebAssembly"):
        read_source(tmp_path / "a.wasm")
    with pytest.raises(ConfigError, match="the plugin does not exist"):
        read_source(tmp_path / "b.wasm")
    home = source(more='sha256 = "' + 64 * "0" + '"')
    with pytest.raises(ConfigError, match="the entry is not the file that the manifest means"):
        read_source(home)
    (home / "code.py").unlink()
    with pytest.raises(ConfigError, match=r"the entry 'code\.py' is not there"):
        read_source(home)


def test_two_that_install_at_once_both_count(folder: Path, source: Source) -> None:
    homes = [source(f"n{number}") for number in range(6)]
    threads = [threading.Thread(target=install, args=(home, Rights(), folder)) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(read_lock(folder)) == [home.name for home in homes]


def test_what_a_dead_installation_left_is_removed(folder: Path, installed: Install) -> None:
    (folder / ".installing-dead").mkdir(parents=True)

    installed()

    assert not (folder / ".installing-dead").exists()
    json.loads((folder / "plugins.lock").read_text())
