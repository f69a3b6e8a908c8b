"""YAML is read by the rules of 1.2, safely, and every refusal says where."""

import math

import pytest

from lumos_dagster.config import scalar
from lumos_dagster.config.yaml_text import MAX_BYTES, decode, read_yaml
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.values import Raw


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("No", "No"), ("y", "y"),
        ("true", True), ("False", False), ("TRUE", True), ("tRUE", "tRUE"),
        ("~", None), ("null", None), ("", None), ("nULL", "nULL"), ("'null'", "null"), ('""', ""),
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("-7", -7), ("+7", 7), ("1_000", "1_000"), ("0b1", "0b1"),
        ("9223372036854775808", 9223372036854775808), ("12:30:45", "12:30:45"),
        ("1.0", 1.0), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1.2.3", "1.2.3"), ("-.inf", -math.inf),
        ("2026-01-31", "2026-01-31"), ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"), ("=", "="),
        ("${NAME}", "${NAME}"), ("'1'", "1"), ("|\n  one\n  two\n", "one\ntwo\n"), ("人", "人"), ("😀", "😀"),
    ],
)  # fmt: skip
def test_scalars_mean_what_yaml_1_2_says(written: str, meant: Raw) -> None:
    found = read_yaml(f"key: {written}").data["key"]

    assert (found, type(found)) == (meant, type(meant))


def test_not_a_number_is_read_as_such() -> None:
    assert math.isnan(read_yaml("key: .nan").data["key"])


def test_every_key_and_item_has_its_place() -> None:
    document = read_yaml("a: 1\nb:\n  - x\n  - {c: 2,\n     人: 3}\n")

    assert document.places == {
        "": (1, 1), "a": (1, 1), "b": (2, 1), "b.0": (3, 5), "b.1": (4, 5), "b.1.c": (4, 6), "b.1.人": (5, 6),
    }  # fmt: skip


def test_keys_are_text_as_written() -> None:
    assert read_yaml("1: a\n010: b\ntrue: c\non: d\n2026-01-01: e\n").data == {
        "1": "a", "010": "b", "true": "c", "on": "d", "2026-01-01": "e",
    }  # fmt: skip


def test_aliases_and_merges_bring_what_they_name() -> None:
    text = """\
        one: &one {host: a, port: 1}
        two: &two {port: 2, user: u}
        alias: *one
        merged: {<<: *one, port: 3}
        several: {port: 4, <<: [*one, *two]}
        quoted: {'<<': 5}
        """
    data = read_yaml(text).data

    assert data["alias"] == {"host": "a", "port": 1}
    assert data["merged"] == {"host": "a", "port": 3}
    assert data["several"] == {"host": "a", "port": 4, "user": "u"}
    assert data["quoted"] == {"<<": 5}


def test_all_duplicate_keys_are_told_and_the_first_counts() -> None:
    document = read_yaml("a: 1\nb: {c: 1, c: 2}\n'a': 3\na: 4\n", "f.yaml")

    assert document.data == {"a": 1, "b": {"c": 1}}
    assert [str(problem) for problem in document.problems] == [
        "f.yaml:2:11: b.c: duplicate key 'c'. It stands on line 2 already.",
        "f.yaml:3:1: a: duplicate key 'a'. It stands on line 1 already.",
        "f.yaml:4:1: a: duplicate key 'a'. It stands on line 1 already.",
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("a: !!python/object/apply:os.system ['true']", 1, 4, "!!python/object/apply:os.system"),
        ("a: 1\nb: !!str 2", 2, 4, "!!str"),
        ("a: 1\nb: ! 2", 2, 4, "tag !"),
        ("a: {[1, 2]: 3}", 1, 5, "a key must be a text"),
        ("a: {<<: 1}", 1, 9, "<< takes a mapping"),
        (f"a: {'9' * 5000}", 1, 4, "a number of 5000 digits"),
    ],
)
def test_what_is_not_allowed_does_not_hide_the_rest(text: str, line: int, column: int, part: str) -> None:
    document = read_yaml(f"{text}\nrest: read", "f.yaml")

    (problem,) = document.problems
    assert (problem.line, problem.column) == (line, column)
    assert part in problem.message
    assert document.data["rest"] == "read"


BOMB = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("", (1, 1), "the file is empty"),
        ("# a remark\n", (1, 1), "the file is empty"),
        ("---\n...\n", (1, 1), "the file is empty"),
        ("- a\n", (1, 1), "a job file is a mapping; found a list"),
        ("text", (1, 1), "a job file is a mapping; found a single value"),
        ("a: 1\n---\nb: 2\n", (2, 1), "one YAML document"),
        ("a: [1\nb: 2", (2, 2), "begins on line 1"),
        ("a:\n\t- b", (2, 1), "spaces; YAML allows no tabs"),
        ("a: b: c", (1, 5), "in quotes"),
        ("a:\n  - [${X}]", (2, 7), "such as ${NAME}, in quotes"),
        ("a: @b", (1, 4), "in quotes"),
        ("a: 'b", (1, 6), "never closed"),
        ("a: 1\n  b: 2", (2, 4), "mapping values are not allowed"),
        ("a:\n  - b\n c: 1", (3, 2), "indentation"),
        ('a: "\\d"', (1, 5), "backslash"),
        ("a: \0", (1, 4), "U+0000"),
        ("a: 1\nb: \ud800", (2, 4), "U+D800"),
        ("a: *b", (1, 4), "*b names nothing"),
        ("a: &a\n  b: *a", (2, 6), "*a stands inside what it names"),
        (f"a: {'[' * 51}", (1, 53), "nested more than 50 deep"),
        (f"a: {'[' * 900}", (1, 53), "nested more than 50 deep"),
        (f"a: &a {'[' * 30}{']' * 30}\nb: {'[' * 30}*a{']' * 30}", (1, 26), "nested more than 50 deep"),
        (BOMB, (1, 26), "more than 100000 values"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_its_place(text: str, place: tuple[int, int], part: str) -> None:
    problem = _refusal(text)

    assert (problem.file, problem.line, problem.column) == ("f.yaml", *place)
    assert part in str(problem)


def test_a_text_nested_so_deep_that_the_parser_gives_up_first_is_refused_too() -> None:
    problem = _refusal(f"a: {'[' * 500_000}")

    assert "nest" in problem.message  # newer versions of libyaml have a bound of their own, 1,000
    assert problem.line == 1


def test_a_large_file_of_plain_values_is_no_bomb() -> None:
    text = "a:\n" + "- 1\n" * 200_000

    assert len(read_yaml(text).data["a"]) == 200_000


def test_a_file_over_the_limit_is_refused() -> None:
    assert f"larger than {MAX_BYTES} bytes" in str(_refusal("a: " + "x" * MAX_BYTES))
    with pytest.raises(ConfigError, match="larger than"):
        decode(b"#" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"a: 1\nb: \xe4\xf6\n", "f.yaml:2:4: "),
        ("a: 人\nb: é".encode() + b"\xff", "f.yaml:2:5: "),
        ("a: 1".encode("utf-16"), "f.yaml:1:1: "),
        ("名: 1".encode("gb18030"), "f.yaml:1:1: "),
        (b"\xef\xbb\xbfa\xff", "f.yaml:1:2: "),
    ],
)
def test_bytes_that_are_not_utf_8_are_refused_with_their_place(raw: bytes, place: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode(raw, "f.yaml")

    assert str(refused.value).startswith(place + "the file is not UTF-8; found byte 0x")


def test_a_byte_order_mark_is_dropped() -> None:
    assert read_yaml(decode("\ufeffa: 1".encode())).data == {"a": 1}


@pytest.mark.parametrize(("text", "meant"), [("5", 5), ("true", True), ("null", None), ("", ""), ("a, b", "a, b")])
def test_a_value_given_at_launch_is_read_as_in_the_file(text: str, meant: Raw) -> None:
    assert scalar(text) == meant


def _refusal(text: str) -> Problem:
    with pytest.raises(ConfigError) as refused:
        read_yaml(text, "f.yaml")
    (problem,) = refused.value.problems
    return problem
