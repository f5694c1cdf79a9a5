"""Streams → rows: every record with its line, whatever else is in the file."""

from __future__ import annotations

import gzip
import io
import json
import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from annotation.intake import streams
from annotation.intake.compression import decompress
from annotation.intake.documents import CHUNK_BYTES, json_elements
from annotation.intake.streams import Row, batches, json_lines

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def read(raw, reader=json_lines):
    return list(reader(io.BytesIO(raw)))


def told(rows):
    """Line and value of each row, or line and detail of its problem."""
    return [(row.line, row.problem.detail if row.problem else row.value) for row in rows]


class Dribble(io.RawIOBase):
    """A stream that gives its bytes in pieces of the sizes asked for by a seed."""

    def __init__(self, raw, seed):
        self._rest = raw
        self._random = random.Random(seed)

    def readable(self):
        return True

    def read(self, size=-1):
        count = self._random.randint(1, 7)
        piece, self._rest = self._rest[:count], self._rest[count:]
        return piece


def test_lines_end_at_lf_alone():
    text = "a\u0085b\u2028c\u2029d\x0be\x0cf"
    raw = f'["{text[:-4]}"]\n'.encode() + b'"second"\r\n' + b'"third"'
    assert told(read(raw)) == [(1, [text[:-4]]), (2, "second"), (3, "third")]


def test_blank_lines_and_a_byte_order_mark_are_passed_over():
    assert told(read(b"\xef\xbb\xbf1\n\n  \t\r\n2\n\n")) == [(1, 1), (4, 2)]
    assert read(b"") == []
    assert read(b"\n\r\n") == []


def test_a_bad_line_is_told_and_the_others_are_read():
    raw = b'{"a": 1}\n{"a": 1,}\n"\xff"\n{"a": 2, "a": 3}\n2\n'
    rows = read(raw)
    assert [row.line for row in rows] == [1, 2, 3, 4, 5]
    assert [row.problem is None for row in rows] == [True, False, False, False, True]
    assert "not UTF-8" in rows[2].problem.detail


def test_a_line_beyond_all_bounds_is_told_and_passed_over(monkeypatch):
    monkeypatch.setattr(streams, "MAX_RECORD_BYTES", 10)
    assert told(read(b'"short"\n"' + b"x" * 45 + b'"\n"again"\n"123456789')) == [
        (1, "short"),
        (2, "is larger than 64 MB"),
        (3, "again"),
        (4, "is larger than 64 MB"),
    ]


def test_batches_end_at_a_thousand_rows_or_eight_megabytes():
    assert [len(batch) for batch in batches(Row(n, 10) for n in range(2_300))] == [1_000, 1_000, 300]
    assert [len(batch) for batch in batches(Row(n, 3 * 1024**2) for n in range(7))] == [3, 3, 1]
    assert list(batches([])) == []


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
class TestCompressed:
    LINES = b"".join(json.dumps([n, random.Random(n).random()]).encode() + b"\n" for n in range(5_000))

    def read(self, raw, suffix):
        return list(json_lines(decompress(io.BytesIO(raw), suffix)))

    def test_a_whole_stream_is_read(self, suffix, compress):
        assert self.read(compress(self.LINES), suffix) == read(self.LINES)

    def test_parts_one_after_the_other_are_one_stream(self, suffix, compress):
        half = self.LINES.index(b"\n", len(self.LINES) // 2) - 5
        assert self.read(compress(self.LINES[:half]) + compress(self.LINES[half:]), suffix) == read(self.LINES)

    @pytest.mark.parametrize("missing", [1, 7, 1_000])
    def test_what_comes_before_a_cut_is_read_and_the_cut_is_told(self, suffix, compress, missing):
        *good, last = self.read(compress(self.LINES)[:-missing], suffix)
        whole = read(self.LINES)
        assert good == whole[: len(good)]
        assert len(good) > 1_000
        assert (last.line, last.problem.detail) == (len(good) + 1, "the compressed data are cut short")

    def test_damage_is_told(self, suffix, compress):
        packed = bytearray(compress(self.LINES))
        packed[len(packed) // 2 :] = b"damage" * 100
        assert self.read(bytes(packed), suffix)[-1].problem.detail in (
            *("the compressed data are damaged", "the compressed data are cut short"),
        )

    def test_something_else_under_that_name_is_told(self, suffix, compress):
        assert told(self.read(b"plain text\n", suffix)) == [(1, "the compressed data are damaged")]

    def test_an_empty_file_has_no_rows(self, suffix, compress):
        assert self.read(b"", suffix) == []
        assert self.read(compress(b""), suffix) == []


@given(st.lists(VALUES), st.integers(0, 3), st.integers(), st.booleans())
def test_a_document_gives_the_elements_of_its_list(values, indent, seed, wrapped):
    document = {"version": "[1, {", "meta": {"list": [0]}, "rows": values, "more": [1]} if wrapped else values
    raw = json.dumps(document, indent=indent or None, ensure_ascii=False).encode()
    rows = list(json_elements(Dribble(raw, seed)))
    assert [row.value for row in rows] == values
    assert not any(row.problem for row in rows)


def test_elements_know_their_line():
    assert told(read(b'\xef\xbb\xbf[\n  1,\n\n  {"a":\n 2}, 3\n]\n', json_elements)) == [(2, 1), (4, {"a": 2}), (5, 3)]


def test_a_bad_element_is_told_and_the_others_are_read():
    rows = read(b'[1,\n{"a": 1, "a": 2},\nNaN,\n,\n"\\ud800", [{"b": "]"}]]', json_elements)
    assert [(row.line, row.problem is None) for row in rows] == [
        *((1, True), (2, False), (3, False), (4, False), (5, False), (5, True)),
    ]
    assert rows[-1].value == [{"b": "]"}]


@pytest.mark.parametrize(
    ("raw", "values", "why"),
    [
        (b"[]", [], None),
        (b'{"rows": []}', [], None),
        (b"[1, 2", [1], "cut short"),
        (b'[1, "2', [1], "cut short"),
        (b'{"rows": [1, 2]', [1, 2], "cut short"),
        (b"[1, 2}", [1, 2], "do not match"),
        (b"[1] [2]", [1], "something follows"),
        (b'[1] {"a": 1}', [1], "something follows"),
        (b"", [], "holds no list"),
        (b"5", [], "holds no list"),
        (b'{"a": {"b": [1]}}', [], "holds no list"),
        (b"]", [], "do not match"),
    ],
)
def test_a_broken_document_is_told(raw, values, why):
    rows = read(raw, json_elements)
    assert [row.value for row in rows if not row.problem] == values
    problems = [row.problem.detail for row in rows if row.problem]
    assert len(problems) == (why is not None)
    assert why is None or why in problems[0]


def test_long_documents_are_cut_wherever_chunks_end():
    values = [{"text": "x" * n, "quote": '\\" [,' * (n % 50)} for n in range(0, 60_000, 997)]
    raw = json.dumps(values).encode()
    assert len(raw) > 3 * CHUNK_BYTES
    assert [row.value for row in read(raw, json_elements)] == values


def test_an_endless_element_is_not_held(monkeypatch):
    monkeypatch.setattr("annotation.intake.documents.MAX_RECORD_BYTES", 1_000)
    endless = io.BytesIO(b'[1, "' + b"x" * 10 * CHUNK_BYTES)
    assert told(json_elements(endless)) == [(1, 1), (1, "is larger than 64 MB")]
    assert endless.tell() < 5 * CHUNK_BYTES
