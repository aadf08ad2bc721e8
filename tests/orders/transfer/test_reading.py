"""Any file is either read, record by record, or refused with a reason."""

import csv
import os
import tracemalloc
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.exceptions import OrderError
from orders.transfer.errors import MOST_PROBLEMS, InvalidFile, Problem, Problems, clip
from orders.transfer.reading import LONGEST_RECORD, Record, read_records

MIB = 1024 * 1024
COLUMNS = ("id", "name")

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes) -> Path:
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        return path

    return write


def read(path: Path) -> list[Record]:
    problems = Problems()
    records = list(read_records(path, COLUMNS, problems))
    problems.refuse_if_any()
    return records


def refusal(path: Path) -> InvalidFile:
    with pytest.raises(InvalidFile) as caught:
        read(path)
    return caught.value


def only_problem(path: Path) -> Problem:
    (problem,) = refusal(path).problems
    return problem


def test_records_carry_their_texts_and_their_lines(write: Write) -> None:
    path = write(b'id,name\n1,Anna\n\n2,"Bo, ""the""\nsecond"\n3,C\n')

    records = read(path)

    assert records == [
        Record(2, {"id": "1", "name": "Anna"}),
        Record(4, {"id": "2", "name": 'Bo, "the"\nsecond'}),
        Record(6, {"id": "3", "name": "C"}),
    ]


@pytest.mark.parametrize(
    ("mark", "ending", "last"),
    list(product([b"", b"\xef\xbb\xbf"], [b"\n", b"\r\n"], [b"", b"\n"])),
)
def test_a_byte_order_mark_and_every_line_ending_are_taken(
    write: Write, mark: bytes, ending: bytes, last: bytes
) -> None:
    path = write(mark + ending.join([b"id,name", "1,Zoë".encode()]) + last)

    assert read(path) == [Record(2, {"id": "1", "name": "Zoë"})]


def test_columns_may_stand_in_any_order(write: Write) -> None:
    path = write(b"name,id\nAnna,1\n")

    assert read(path)[0]["id"] == "1"


def test_a_header_alone_holds_no_records(write: Write) -> None:
    assert read(write(b"id,name\n")) == []


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "lacks the columns: id, name"),
        (b"\n\n", "lacks the columns: id, name"),
        (b"id\n1\n", "lacks the columns: name"),
        (b"id,name,size\n", "has unknown columns: size"),
        (b"id,name,id\n", "has columns twice: id"),
    ],
)
def test_a_wrong_header_is_refused(write: Write, header: bytes, words: str) -> None:
    problem = only_problem(write(header))

    assert words in problem.sentence
    assert "names each column" in problem.remedy


def test_everything_wrong_with_a_header_is_told_at_once(write: Write) -> None:
    error = refusal(write(b"id,id,size\n"))

    assert [problem.lines for problem in error.problems] == [(1,), (1,), (1,)]
    assert "name" in str(error)
    assert "size" in str(error)


def test_a_header_of_endless_names_is_told_in_few_words(write: Write) -> None:
    path = write(b"id,name," + b",".join(b"c%d" % n for n in range(50_000)))

    assert len(str(refusal(path))) < 500


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"id,name\n1,Zo\xeb\n", 2, "is not UTF-8 (byte 0xeb at 5)"),
        (b"id,name\n1,A\n2,\xc3\n", 3, "is not UTF-8"),
        ("id,name\n".encode("utf-16"), 1, "NUL"),
        (b"id,name\n1,A\0B\n", 2, "NUL"),
        (b'id,name\n1,A\n2,"B\n3,C\n', 3, "never closed"),
        (b'id,name\n1,"A"B\n', 2, "follows a closing quote"),
        (b"id,name\r1,A\r", 1, "carriage return"),
    ],
)
def test_what_is_no_csv_in_utf8_is_refused_with_its_line(
    write: Write, content: bytes, line: int, words: str
) -> None:
    error = refusal(write(content))

    assert error.problems[0].lines == (line,)
    assert words in error.problems[0].sentence
    assert not error.is_complete


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in only_problem(tmp_path / "nowhere.csv").sentence
    assert "is not a file" in only_problem(tmp_path).sentence
    assert "is not a file" in only_problem(Path("/dev/zero")).sentence


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert "is not a file" in only_problem(tmp_path / "pipe").sentence


def test_short_and_long_records_are_all_told(write: Write) -> None:
    error = refusal(write(b"id,name\n1\n2,B\n3,C,extra\n"))

    assert [problem.lines for problem in error.problems] == [(2,), (4,)]
    assert "has 1 fields where the header has 2" in str(error)
    assert "has 3 fields where the header has 2" in str(error)
    assert error.is_complete


def test_reading_ends_with_the_fiftieth_problem(write: Write) -> None:
    error = refusal(write(b"id,name\n" + b"short\n" * 1000))

    assert len(error.problems) == MOST_PROBLEMS
    assert not error.is_complete
    assert "There may be more: checking ended here." in str(error)


@pytest.mark.parametrize(
    "endless",
    [b"x" * (20 * MIB), b'1,"' + b"x\n" * (10 * MIB), b'1,"' + b"x" * (20 * MIB)],
    ids=["line", "quoted record", "quoted line"],
)
def test_an_endless_record_is_refused_after_a_mebibyte(
    write: Write, endless: bytes
) -> None:
    path = write(b"id,name\n1,A\n" + endless)
    read_bytes: list[int] = []
    problems = Problems()

    with pytest.raises(InvalidFile) as caught:
        list(read_records(path, COLUMNS, problems, on_read=read_bytes.append))

    assert sum(read_bytes) <= LONGEST_RECORD + 100
    assert caught.value.problems[0].lines == (3,)


def test_the_longest_record_is_still_read(write: Write) -> None:
    fields = [b"x" * 131_000] * 8
    columns = [f"c{n}" for n in range(8)]
    path = write(",".join(columns).encode() + b"\n" + b",".join(fields) + b"\n")

    records = list(read_records(path, columns, Problems()))

    assert sum(map(len, records[0].texts.values())) > LONGEST_RECORD - 1000


def test_memory_does_not_grow_with_the_file(write: Write) -> None:
    path = write(b"id,name\n" + b"1,some name or other\n" * 100_000)

    tracemalloc.start()
    count = sum(1 for _ in read_records(path, COLUMNS, Problems()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 100_000
    assert peak < MIB


def test_the_reader_tells_how_far_it_is(write: Write) -> None:
    path = write(b'id,name\n1,"A\nB"\n2,C\n')
    sizes: list[int] = []

    list(read_records(path, COLUMNS, Problems(), on_read=sizes.append))

    assert sum(sizes) == path.stat().st_size


def test_a_refusal_is_an_error_of_the_order_desk_and_reads_as_sentences() -> None:
    problem = Problem(
        lines=(3, 9),
        field="Order ID",
        value="A-1",
        sentence="comes back after other orders",
        remedy="Give this one its own ID",
    )

    error = InvalidFile([problem], is_complete=True)

    assert isinstance(error, OrderError)
    assert str(error) == (
        "Lines 3 and 9, Order ID “A-1”: comes back after other orders."
        " Give this one its own ID."
    )


def test_values_are_shown_clipped_and_visible() -> None:
    assert clip("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert clip("x" * 1000) == "x" * 60 + "…"


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 2)
    )
)
def test_what_python_writes_is_read_back(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("written") / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows])

    assert [tuple(record.texts.values()) for record in read(path)] == rows


@settings(deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("random") / "file.csv"
    path.write_bytes(b"id,name\n" + content)

    try:
        records = read(path)
    except InvalidFile as error:
        assert error.problems  # noqa: PT017 - either outcome is fine, a third is not
    else:
        assert all(set(record.texts) == set(COLUMNS) for record in records)
