"""What Arrow's own parser reads of plainly spelled columns is what the strict grammar reads."""

from decimal import Decimal
from itertools import product

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.conversion import convert
from lumos_dagster.conversion.plain import read_plainly
from lumos_dagster.conversion.reading import from_text

READ = {
    pa.int16(): "12", pa.int32(): "12", pa.int64(): "-12", pa.uint64(): "12",
    pa.decimal128(5, 2): "1.20", pa.decimal128(38, 0): "12", pa.decimal128(38, 2): "12.5",
    pa.float32(): "1.5", pa.float64(): "-1.5e-300", pa.bool_(): "True", pa.date32(): "2026-03-04",
    pa.time32("s"): "05:06:07", pa.time32("ms"): "05:06:07.123", pa.time64("us"): "05:06", pa.time64("ns"): None,
    pa.timestamp("s"): "2026-03-04", pa.timestamp("us"): "2026-03-04 05:06:07.123456",
    pa.timestamp("us", "UTC"): "2026-03-04T05:06:07.5+08:00", pa.timestamp("ms", "UTC"): "2026-03-04T05:06Z",
    pa.timestamp("s", "UTC"): "2026-03-04 05:06:07-08",
    pa.timestamp("ns"): None, pa.timestamp("us", "Europe/Berlin"): None,
    pa.binary(): "\\x00fF", pa.large_binary(): "00fF", pa.binary(2): "00fF",
}  # fmt: skip
"""Each type, and a text that is read plainly where one is."""
TEXTS = (
    "", "-", "--1", "1-", ".", "-.", "1.", ".5", "-.5", "1.2.3", "-0", "0", "007", "32767", "32768", "-32769",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615", "9" * 38, "9" * 39,
    "0" * 40, "999.99", "999.990", "999.999", "1000.00", "-999.99", "0.1", "1234567890.1234", "0.00000000000001",
    ".-5", "-.-5", "1.-5", "1-2.34", "-.50", "12.34", "-12.34", "-999.90", "1000.90", "1.234", "123456789012345678.90",
    "0000-01-01", "0001-01-01", "9999-12-31", "2026-02-29", "2024-02-29", "2026-2-9", "2026-13-01", "-2026-01-01", "20260101",
    "0x1F", "+1", " 1", "1 ", "1_0", "1e3", "1E+3", "-1e-3", "1e", "nan", "-NaN", "nan(1)", "inf", "-Infinity", "1e39", "1e400",
    "1e-46", "-1e-400", "0e-400", "9" * 400, "0." + "0" * 400 + "1", "16777217", "0.1234567890123456789", "3.4028235e38",
    "true", "TRUE", "fAlse", "t", "yes", "01", "2026-03-04T05", "2026-03-04 05Z", "2026-03-04 05+02:00", "2026-03-04T05:06",
    "2026-03-04t05:06", "2026-03-04 05:06:60", "2026-03-04 24:00", "2026-03-04 05:06:07.", "2026-03-04 05:06:07.1234567",
    "2026-03-04 05:06:07z", "2026-03-04Z", "2026-03-04 05:06+02", "2026-03-04 05:06+0230", "2026-03-04 05:06-17:59",
    "2026-03-04 05:06+18:00", "2026-03-04 05:06-18", "2026-03-04 05:06+17", "2026-03-04 05:06+1730", "2026-03-04 05:06+18:01", "2026-03-04 05:06+23:59", "2026-03-04 05:06+02:60",
    "0000-12-31 23:00-05:00", "0001-01-01 01:00+05:00", "0001-01-02 00:00Z", "9999-12-31 23:59:59.999999Z",
    "05", "05Z", "5:06", "05:06", "05:06:07", "24:00", "05:06:07.123", "05:06:07.123456", "05:06:07.1234567", "05:06Z", "0506",
    "\\x", "\\x0F", "\\x00ff", "\\x0", "\\X0F", "\\x\\x0F", "\\x 0F", "0F 0F", "fg", "é",
)  # fmt: skip


@pytest.mark.parametrize("target", READ)
def test_what_is_read_plainly_is_what_the_grammar_reads(target: pa.DataType) -> None:
    beside = ([None], ["2026-03-04 05:06:07Z"], ["2026-03-04 05:06:07"], ["05:06:07"], ["1.00", "0"], ["0"], ["\\x1f"])
    for text, others in product(TEXTS, beside):
        column = pa.array(["nonsense", text, *others]).slice(1)
        plain = read_plainly(column, target)
        assert plain is None or plain.equals(from_text(column, target)), (text, others)


@pytest.mark.parametrize("target", READ)
@pytest.mark.parametrize("width", [pa.string(), pa.large_string()])
def test_each_type_is_read_plainly_where_it_can_be(target: pa.DataType, width: pa.DataType) -> None:
    text = READ[target]
    plain = read_plainly(pa.array(["nonsense", text or "2026-03-04", None], width).slice(1), target)
    assert (plain is not None) == (text is not None)


@pytest.mark.parametrize("text", ["0x1F", "+1", " 1", "1e3", "nan", "1_0"])
def test_what_arrow_and_the_grammar_may_spell_differently_is_left_to_the_grammar(text: str) -> None:
    both_spell_floats_so = text in ("+1", "1e3")
    for target in (pa.int64(), pa.decimal128(9, 2), *(() if both_spell_floats_so else (pa.float64(),))):
        assert read_plainly(pa.array([text]), target) is None
    assert convert(pa.array(["0x1F"]), pa.int64()).bad[0].as_py()


@given(
    st.lists(
        st.from_regex(
            r"(?:[09][0-9]{3}-[01][0-9]-[0-3][0-9])?[ T]?(?:[0-2][0-9](?::[0-5][0-9](?::[0-6][0-9](?:\.[0-9]{1,7})?)?)?)?"
            r"(?:Z|[+-][012][0-9](?::?[0-6][0-9])?)?",
            fullmatch=True,
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.time64("us"), pa.date32()]),
)
def test_moments_that_are_read_plainly_are_what_the_grammar_reads(texts: list[str], target: pa.DataType) -> None:
    column = pa.array([*texts, None], pa.string())
    plain = read_plainly(column, target)
    assert plain is None or plain.equals(from_text(column, target))


@given(st.lists(st.floats(allow_nan=False).map(repr), max_size=4), st.sampled_from([pa.float32(), pa.float64()]))
def test_floats_that_are_read_plainly_are_what_the_grammar_reads(texts: list[str], target: pa.DataType) -> None:
    column = pa.array([*texts, None], pa.string())
    plain = read_plainly(column, target)
    assert plain is None or plain.equals(from_text(column, target))


@pytest.mark.parametrize("width", [pa.string(), pa.large_string()])
def test_decimals_with_as_many_digits_as_the_column_or_without_a_point(width: pa.DataType) -> None:
    for texts in (["1.00", "-0.01", "12345678.90", "-99999999.99", "0.00"], ["1", "-99999999", "0", "-0", "007"]):
        column = pa.array(["nonsense", *texts, None], width).slice(1)
        numbers = [*map(Decimal, texts), None]
        for rows in (len(texts), len(numbers)):
            expected = pa.array(numbers[:rows], pa.decimal128(10, 2))
            assert read_plainly(column.slice(0, rows), pa.decimal128(10, 2)).equals(expected)


@given(st.lists(st.from_regex(r"-?[0-9]{0,3}\.?-?[0-9]{0,3}", fullmatch=True), max_size=4), st.integers(0, 3))
def test_decimals_that_are_read_plainly_are_what_the_grammar_reads(texts: list[str], scale: int) -> None:
    column, target = pa.array(texts, pa.string()), pa.decimal128(5, scale)
    plain = read_plainly(column, target)
    assert plain is None or plain.equals(from_text(column, target))
