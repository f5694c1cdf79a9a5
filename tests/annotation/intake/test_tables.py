"""CSV and Parquet as rows of JSON objects."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.intake.tables import csv_rows, parquet_rows

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def read_csv(raw):
    return list(csv_rows(io.BytesIO(raw)))


def told(rows):
    return [(row.line, row.problem.detail if row.problem else row.value) for row in rows]


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_cells_are_read_to_the_byte(pairs):
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["one", "two"])
    writer.writerows(pairs)
    assert [row.value for row in read_csv(text.getvalue().encode())] == [{"one": one, "two": two} for one, two in pairs]


def test_rows_know_the_line_that_they_begin_on():
    raw = b'\xef\xbb\xbfa,b\r\n"1\n\r\n2",x\r\n\r\n3,y\n'
    assert told(read_csv(raw)) == [(2, {"a": "1\n\r\n2", "b": "x"}), (6, {"a": "3", "b": "y"})]


def test_a_bad_row_is_told_and_the_others_are_read():
    rows = read_csv(b'a,b\n1,2,3\n4,\xff\n5,6\0\n7,"8" 9\nx,y\n')
    assert [(row.line, row.problem and row.problem.pointer) for row in rows] == [
        *((2, ""), (3, "/b"), (4, "/b"), (5, ""), (6, None)),
    ]
    details = [row.problem.detail for row in rows if row.problem]
    assert details[0] == "has 3 fields; the header has 2"
    assert "not UTF-8" in details[1]
    assert "NUL" in details[2]
    assert "not sound CSV" in details[3]


def test_a_quote_without_end_is_told():
    assert "not sound CSV" in told(read_csv(b'a\n1\n"2\n3\n'))[-1][1]


def test_a_header_must_name_each_column_once():
    assert told(read_csv(b"a,a\n1,2\n")) == [(1, "the header names a column twice")]
    assert read_csv(b"") == []


def write_parquet(columns, **options):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    file.seek(0)
    return file


def test_parquet_rows_are_json():
    messages = [{"role": "user", "content": "x", "name": None}]
    moment = dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)
    rows = parquet_rows(
        write_parquet({"n": [1, 2], "m": [messages, None], "t": [moment, None], "f": [0.5, None], "s": ["", "\u2028"]})
    )
    assert told(rows) == [
        (1, {"n": 1, "m": [{"role": "user", "content": "x"}], "t": "2026-05-01T10:00:00+00:00", "f": 0.5, "s": ""}),
        (2, {"n": 2, "s": "\u2028"}),
    ]


def test_many_row_groups_are_one_table():
    rows = list(parquet_rows(write_parquet({"n": list(range(1_000))}, row_group_size=70)))
    assert [(row.line, row.value["n"]) for row in rows] == [(n + 1, n) for n in range(1_000)]


@pytest.mark.parametrize(
    ("value", "why"),
    [(b"bytes", "bytes"), (decimal.Decimal("1.5"), "Decimal"), (float("nan"), "not a finite number"), ("a\0", "NUL")],
)
def test_what_is_no_json_is_told(value, why):
    (row,) = parquet_rows(write_parquet({"x": [value]}))
    assert row.problem.pointer == "/x"
    assert why in row.problem.detail


def test_something_else_under_that_name_is_told():
    (row,) = parquet_rows(io.BytesIO(b"plain text, and no Parquet at all"))
    assert "cannot be read" in row.problem.detail
