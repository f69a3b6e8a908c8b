"""What Arrow's own parser reads of plainly spelled columns is what the strict grammar reads."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.conversion import convert
from lumos_dagster.conversion.plain import read_plainly
from lumos_dagster.conversion.reading import from_text

TARGETS = (pa.int16(), pa.int32(), pa.int64(), pa.uint64(), pa.decimal128(5, 2), pa.decimal128(38, 0), pa.decimal128(38, 2), pa.float64(), pa.date32())  # fmt: skip
TEXTS = (
    "", "-", "--1", "1-", ".", "-.", "1.", ".5", "-.5", "1.2.3", "-0", "0", "007", "32767", "32768", "-32769",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615", "9" * 38, "9" * 39,
    "0" * 40, "999.99", "999.990", "999.999", "1000.00", "-999.99", "0.1", "1234567890.1234", "0.00000000000001",
    ".-5", "-.-5", "1.-5", "1-2.34", "-.50", "12.34", "-12.34", "-999.90", "1000.90", "1.234", "123456789012345678.90",
    "0000-01-01", "0001-01-01", "9999-12-31", "2026-02-29", "2024-02-29", "2026-2-9", "2026-13-01", "-2026-01-01", "20260101",
)  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_read_plainly_is_what_the_grammar_reads(text: str, target: pa.DataType) -> None:
    column = pa.array(["nonsense", text, None]).slice(1)
    plain = read_plainly(column, target)
    assert plain is None or plain.equals(from_text(column, target))


@pytest.mark.parametrize("target", TARGETS)
def test_each_type_is_read_plainly_where_it_can_be(target: pa.DataType) -> None:
    text = "2026-03-04" if target == pa.date32() else "12"
    assert read_plainly(pa.array(["nonsense", text, None]).slice(1), target) is not None


@pytest.mark.parametrize("text", ["0x1F", "+1", " 1", "1e3", "nan", "1_0"])
def test_what_arrow_and_the_grammar_may_spell_differently_is_left_to_the_grammar(text: str) -> None:
    for target in (pa.int64(), pa.float64(), pa.decimal128(9, 2)):
        assert read_plainly(pa.array([text]), target) is None
    assert convert(pa.array(["0x1F"]), pa.int64()).bad[0].as_py()


@pytest.mark.parametrize("width", [pa.string(), pa.large_string()])
def test_decimals_with_as_many_digits_as_the_column_or_without_a_point(width: pa.DataType) -> None:
    for texts in (["1.00", "-0.01", "12345678.90", "-99999999.99", "0.00"], ["1", "-99999999", "0", "-0", "007"]):
        column = pa.array(["nonsense", *texts], width).slice(1)
        assert read_plainly(column, pa.decimal128(10, 2)).equals(pa.array(map(Decimal, texts), pa.decimal128(10, 2)))


@given(st.lists(st.from_regex(r"-?[0-9]{0,3}\.?-?[0-9]{0,3}", fullmatch=True), max_size=4), st.integers(0, 3))
def test_decimals_that_are_read_plainly_are_what_the_grammar_reads(texts: list[str], scale: int) -> None:
    column, target = pa.array(texts, pa.string()), pa.decimal128(5, scale)
    plain = read_plainly(column, target)
    assert plain is None or plain.equals(from_text(column, target))
