from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livinglab.config.csv_source import parse_csv, parse_number, shape_of
from livinglab.config.findings import Findings
from livinglab.config.text_source import decode_text
from livinglab.config.yaml_source import parse_yaml


def read_yaml(text):
    findings = Findings()
    content, place = parse_yaml(text, "f.yaml", findings)
    return content, place, [str(problem) for problem in findings.problems]


def read_csv(raw, known=("id", "x"), required=("id",)):
    findings = Findings()
    text = decode_text(raw, "f.csv", findings)
    rows = [] if text is None else list(parse_csv(text, "f.csv", known, required, findings))
    return [(place.row, cells) for place, cells in rows], [str(p) for p in findings.problems]


def test_parse_yaml_keeps_text_that_yaml_1_1_would_change():
    content, _, problems = read_yaml(
        "no: on\ncode: 0344\ntime: 12:30\nday: 2025-06-13\nyes: true\nnothing: null\n"
        "numbers: [1, -2.5, 1e-4, .5, '1']\n"
    )
    assert problems == []
    assert content == {
        "no": "on",
        "code": "0344",
        "time": "12:30",
        "day": "2025-06-13",
        "yes": True,
        "nothing": None,
        "numbers": [1, -2.5, 1e-4, 0.5, "1"],
    }


def test_parse_yaml_knows_the_line_of_each_key():
    _, place, _ = read_yaml("# comment\na:\n  b: 1\n  c:\n    - x: 2\n    - x: 3\n")
    assert place.problem(("a", "b"), "").where == "line 3"
    assert place.problem(("a", "c", 1, "x"), "").where == "line 6"
    assert place.problem(("a", "c", 1, "missing"), "").where == "line 6"
    assert place.problem(("a", "missing"), "").where == "line 2"


def test_parse_yaml_refuses_keys_written_twice():
    _, _, problems = read_yaml("a: 1\nb: 2\na: 3\n")
    assert problems == ["f.yaml, line 1, a: written twice, again in line 3"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2\nb: 3\n", "f.yaml, line 2: YAML: "),
        ("a: 'open\n", "f.yaml, line 2: YAML: "),
        ("- 1\n- 2\n", "f.yaml: expected a mapping"),
        ("plain text", "f.yaml: expected a mapping"),
        ("a: &x {b: *x}\n", "f.yaml, line 1, a.b.b: nested too deeply"),
        ("a:\n\tb: 1\n", "f.yaml, line 2: YAML: a tab; indent with spaces"),
    ],
)
def test_parse_yaml_of_broken_text_names_the_line(text, told):
    _, _, problems = read_yaml(text)
    assert len(problems) == 1
    assert problems[0].startswith(told)


def test_parse_yaml_of_aliases_that_unfold_without_end_stops():
    lines = [f"{name}: &{name} [{', '.join(9 * [f'*{of}'])}]" for of, name in pairwise("abcdefghi")]
    _, _, problems = read_yaml("\n".join(["a: &a [1, 1]", *lines]))
    assert problems == ["f.yaml, line 6, f: more than 100000 entries in a file"]


@given(st.text(max_size=200))
def test_parse_yaml_of_any_text_never_fails(text):
    read_yaml(text)


def test_parse_yaml_of_an_empty_file_is_empty():
    assert read_yaml("# only a comment\n")[0] == {}


@pytest.mark.parametrize(
    "raw",
    [
        b"id,x\na,1.5\n",
        b"\xef\xbb\xbfid,x\na,1.5\n",  # BOM
        b"id,x\r\na,1.5\r\n",  # CRLF
        b"id;x\r\na;1.5\r\n",
        b"id\tx\na\t1.5\n",
        b"sep=;\r\nid;x\r\na;1.5\r\n",
        b"ID , X\na, 1.5\n",
        b"id,x,,\na,1.5,,\n,,,\n",  # blank columns and rows
        b'"id","x"\n"a","1.5"',
    ],
)
def test_parse_csv_reads_what_spreadsheets_write(raw):
    rows, problems = read_csv(raw)
    assert problems == []
    assert [cells for _, cells in rows] == [{"id": "a", "x": "1.5"}]


def test_parse_csv_numbers_rows_as_spreadsheets_do():
    rows, _ = read_csv(b'id,x\na,"two\nlines"\n\nb,2\n')
    assert [number for number, _ in rows] == [2, 5]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("id,x\ncafé,1\n".encode("cp1252"), "f.csv, row 2: expected UTF-8, got another encoding"),
        ("id,x\na,1\n".encode("utf-16"), "f.csv: expected UTF-8, got UTF-16"),
        (b"id,x\na,1,7\n", "f.csv, row 2: a value without a heading, got '7'"),
        (b"id,x,x\na,1,2\n", "f.csv, row 1, x: this heading occurs twice"),
        (b"id,other\na,1\n", "f.csv, row 1, other: unknown heading; known: id, x"),
        (b"idd,x\na,1\n", "f.csv, row 1, idd: unknown heading; did you mean 'id'?"),
        (b"x\n1\n", "f.csv, row 1, id: missing heading"),
        (b"", "f.csv, row 1, id: missing heading"),
        (b"id,,x\na,,1\n", "f.csv, row 1, (blank): unknown heading; known: id, x"),
    ],
)
def test_parse_csv_refuses_with_file_row_and_heading(raw, told):
    _, problems = read_csv(raw)
    assert problems
    assert problems[0].startswith(told)


@given(st.binary(max_size=200))
def test_parse_csv_of_any_bytes_never_fails(raw):
    read_csv(raw)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("-1.5", -1.5), ("135339,5", 135339.5), ("1e3", 1000), (" 7 ", 7), (3, 3)],
)
def test_parse_number_reads_point_and_comma(text, expected):
    assert parse_number(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("135.339,5", "thousands"),
        ("135,339.5", "thousands"),
        ("456 088", "thousands"),
        ("12abc", "expected a number"),
        ("", "expected a number"),
        ("nan", "expected a number"),
        ("inf", "expected a number"),
        (True, "expected a number"),
        ("#REF!", "expected a number"),
    ],
)
def test_parse_number_refuses(text, told):
    with pytest.raises(ValueError, match=told):
        parse_number(text)


def test_shape_of_remembers_how_the_file_is_written():
    shape = shape_of("id;x;;\r\na;1;;\r\n")
    assert (shape.delimiter, shape.line_end, shape.columns, shape.width) == (
        ";",
        "\r\n",
        ("id", "x"),
        4,
    )
