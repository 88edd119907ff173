"""Marks: one judgement a row, any order, on disk and back."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError, SchemaMismatchError
from attrieve.gallery.feedback.marks import Mark, Marks
from attrieve.gallery.feedback.marks_file import marks_from_json, marks_to_json, read_marks, write_marks
from attrieve.schema import load_vocabulary
from gallery.building import small_schema

SCHEMA = small_schema()
A, B, C = (f"{number:016x}" for number in (1, 2, 3))

marks = st.lists(
    st.builds(
        Mark,
        st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}"),
        st.booleans(),
        st.sampled_from(["", "hat, !bag", "young"]),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    ),
    max_size=6,
    unique_by=lambda mark: mark.key,
).map(lambda found: Marks(tuple(found)))


@settings(max_examples=50, deadline=None)
@given(marks)
def test_marks_come_back_from_json(given: Marks) -> None:
    """Through text, as a file would hold it."""
    document = json.loads(json.dumps(marks_to_json(given, SCHEMA)))
    assert marks_from_json(document, SCHEMA) == given


@settings(max_examples=50, deadline=None)
@given(marks, st.booleans())
def test_a_mark_taken_back_leaves_no_trace(given: Marks, right: bool) -> None:
    """Adding and removing gives the marks there were."""
    mark = Mark("f" * 16, right)
    if given.get(mark.key) is None:
        assert given.with_mark(mark).without([mark.key]) == given
    assert given.with_mark(mark).get(mark.key) == mark


def test_a_row_has_one_judgement() -> None:
    """Both ways, or the same way twice, is refused; keys given twice on a command line count once."""
    with pytest.raises(InputError, match="right and wrong"):
        Marks.of(right=[A], wrong=[B, A])
    with pytest.raises(InputError, match="twice"):
        Marks((Mark(A, True), Mark(A, True)))
    assert Marks.of(right=[B, A, B], wrong=[C]).right == (A, B)
    with pytest.raises(InputError, match="hexadecimal"):
        Marks.of(right=["hat"])
    with pytest.raises(InputError, match="no mark"):
        Marks.of(right=[A]).without([B])


def test_files_of_marks(tmp_path: Path) -> None:
    """Written whole, read back; marks of another vocabulary are refused."""
    given = Marks((Mark(A, True, "hat", datetime(2024, 5, 1, tzinfo=UTC), "Ann"), Mark(B, False)))
    write_marks(tmp_path / "marks.json", given, SCHEMA)
    assert read_marks(tmp_path / "marks.json", SCHEMA) == given
    with pytest.raises(SchemaMismatchError, match=r"marks\.json"):
        read_marks(tmp_path / "marks.json", load_vocabulary("peta35"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "JSON"),
        ("[]", "list 'marks'"),
        ('{"marks": 3}', "list 'marks'"),
        ('{"marks": [3]}', "mark 1"),
        ('{"marks": [{"verdict": "right"}]}', "key"),
        (f'{{"marks": [{{"key": "{A}"}}]}}', "'right' or 'wrong'"),
        (f'{{"marks": [{{"key": "{A}", "verdict": "maybe"}}]}}', "'maybe'"),
        (f'{{"marks": [{{"key": "{A}", "verdict": ["right"]}}]}}', "'right' or 'wrong'"),
        ('{"marks": [{"key": "A", "verdict": "right"}]}', "mark 1"),
        (f'{{"marks": [{{"key": "{A}", "verdict": "right", "time": "noon"}}]}}', "ISO 8601"),
        (f'{{"marks": [{{"key": "{A}", "verdict": "right", "by": 3}}]}}', "text"),
        (
            f'{{"marks": [{{"key": "{A}", "verdict": "right"}}, {{"key": "{A}", "verdict": "wrong"}}]}}',
            "both|right and",
        ),
        ('{"attrieve_marks": 9, "marks": []}', "form 9"),
    ],
)
def test_what_is_no_file_of_marks_is_told(tmp_path: Path, text: str, told: str) -> None:
    """With the file's name and the mark's number."""
    path = tmp_path / "marks.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read_marks(path, SCHEMA)
    assert "marks.json" in str(caught.value)
