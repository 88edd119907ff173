"""The address is the query."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import QueryError
from attrieve.schema import load_vocabulary
from attrieve.schema.witnesses import read_witness
from attrieve.serving.web.form_reading import built_text, is_submitted, read_form
from attrieve.serving.web.pages.answering import Occasion, own_address
from attrieve.serving.web.reading import Problem, Reading, read
from attrieve.serving.web.search_form import SearchForm
from attrieve.serving.web.witness_columns import WitnessColumn

PETA = load_vocabulary("peta35")
LINES = (
    st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20)
    .map(str.strip)
    .filter(bool)
)
KEYS = st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), max_size=3, unique=True).map(tuple)
FORMS = st.builds(
    SearchForm,
    text=LINES,
    cameras=st.lists(LINES, max_size=3).map(tuple),
    since=st.sampled_from(["", "2024-05-01T10:00:00"]),
    until=st.sampled_from(["", "2024-05-02T10:00:00"]),
    source=st.one_of(st.just(""), LINES),
    where=st.lists(LINES, max_size=2).map(tuple),
    right=KEYS,
    wrong=KEYS,
    refine=st.booleans(),
    page=st.integers(1, 50),
)


def at(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


@given(FORMS)
def test_address_says_the_whole_search(form: SearchForm) -> None:
    """What is read from an address is the search it was made of."""
    assert read_form(at(form.address(page=form.page)), PETA) == form


@given(FORMS)
def test_filters_are_conditions_the_gallery_can_read(form: SearchForm) -> None:
    """Cameras and sources may hold any signs, and come through as the values they are."""
    import pyarrow as pa

    from attrieve.gallery.database.filters import parse_filter

    columns = {"camera": pa.string(), "source": pa.string(), "time": pa.timestamp("us", "UTC")}
    own = SearchForm(cameras=form.cameras, source=form.source, since=form.since, until=form.until)
    read_back = {one.column: one for one in parse_filter(own.conditions(), columns).conditions}
    assert read_back["camera"].values == form.cameras if form.cameras else "camera" not in read_back
    assert read_back["source"].values == (form.source,) if form.source else "source" not in read_back


def test_builder_fields_are_worked_into_the_text() -> None:
    """A form without JavaScript: text as shown, builder changed; the short address holds the new text."""
    fields = [
        ("q", "male, hat"),
        ("shown", "male, hat"),
        ("vocabulary", PETA.fingerprint),
        ("a.10", "open"),
        ("a.16", "yes"),
        ("a.4", "yes"),
        ("c.4", "50"),
        ("camera", "Gate 1"),
    ]
    assert is_submitted(fields)
    form = read_form(fields, PETA)
    assert form.address() == "/?q=male%2C+backpack%3F&camera=Gate+1"
    assert not is_submitted(at(form.address()))


def test_untouched_sentence_stays_a_sentence() -> None:
    """Searching again for a sentence does not turn it into signs."""
    text = "a young man with a backpack, no hat"
    fields = [("q", text), ("shown", text), ("vocabulary", PETA.fingerprint)]
    reading = read(SearchForm(text), PETA)
    assert isinstance(reading, Reading)
    for index in range(len(PETA)):
        values = reading.query.values()
        fields.append((f"a.{index}", {1: "yes", 0: "no", -1: "open"}[int(values[index])]))
    assert read_form(fields, PETA).text == text


def test_builder_of_another_vocabulary_is_passed_over() -> None:
    """Positions mean nothing after the gallery has changed its vocabulary."""
    form = read_form([("q", "hat"), ("shown", "hat"), ("vocabulary", "0" * 16), ("a.4", "yes")], PETA)
    assert form.text == "hat"


def test_changes_wait_for_a_text_that_can_be_read() -> None:
    """A builder that was used beside a text with a mistake refuses, so that nothing is thrown away."""
    from attrieve.serving.web.builder import Choice, Said

    with pytest.raises(QueryError, match="bakpack"):
        built_text("bakpack", "", {10: Said(Choice.YES)}, PETA)


def test_steps_make_and_drop_witnesses() -> None:
    """The buttons of the form work without JavaScript: from one description to several and back."""
    form = read_form([("q", "male, hat"), ("step", "witnesses")], PETA)
    assert [one.line for one in form.witnesses] == ["A: male, hat", "B: "]
    sent = [
        ("wn", "A"),
        ("wt", "male"),
        ("ww", "100"),
        ("wn", "B: x"),
        ("wt", "hat"),
        ("ww", "60"),
        ("at", "1"),
    ]
    form = read_form(sent, PETA)
    assert [one.line for one in form.witnesses] == ["A: male", "B  x~0.6: hat"]
    assert form.text == "hat"
    assert read_form(at(form.address()), PETA) == form
    assert [one.name for one in read_form([*sent, ("step", "add")], PETA).witnesses] == ["A", "B  x", "B"]
    assert [one.name for one in read_form([*sent, ("step", "drop.0")], PETA).witnesses] == ["B  x"]
    single = read_form([*sent, ("step", "single")], PETA)
    assert (single.witnesses, single.text) == ((), "hat")


def test_builder_changes_the_active_witness() -> None:
    """Of several witnesses the builder fills in one."""
    fields = [("wn", "A"), ("wt", "male"), ("wn", "B"), ("wt", "hat"), ("at", "1"), ("shown", "hat")]
    fields += [("vocabulary", PETA.fingerprint), ("a.10", "yes"), ("a.4", "no")]
    form = read_form(fields, PETA)
    assert [one.text for one in form.witnesses] == ["male", "hat, !backpack"]


@given(LINES.filter(lambda name: not set(name) & set(":~,!?|")), st.integers(1, 100))
def test_witness_lines_are_read_as_they_were_meant(name: str, percent: int) -> None:
    """A column becomes the line that a search reads: name, weight and description."""
    witness = read_witness(WitnessColumn(name, percent, "male, !hat").line, PETA)
    assert witness.name == name
    assert witness.weight == pytest.approx(percent / 100)
    assert witness.query.to_text() == "male, !hat"


def test_marks_move_between_right_and_wrong() -> None:
    """A hit bears one mark at a time."""
    form = SearchForm("hat").marked("a" * 16, "right").marked("b" * 16, "wrong").marked("a" * 16, "wrong")
    assert (form.right, form.wrong) == ((), ("b" * 16, "a" * 16))
    assert form.marked("a" * 16, "none").verdict("a" * 16) == ""


def test_mistake_is_shown_at_its_place_with_what_may_be_meant() -> None:
    """The text is cut around the unknown name, and each suggestion leads to the text with it."""
    problem = read(SearchForm("male, bakpack~0.5", cameras=("G",)), PETA)
    assert isinstance(problem, Problem)
    assert (problem.before, problem.marked, problem.after) == ("male, ", "bakpack", "~0.5")
    assert read_form(at(problem.suggestions[0].address), PETA) == SearchForm(
        "male, backpack~0.5", cameras=("G",)
    )


def test_chips_lead_to_the_search_without_them() -> None:
    """Each thing asked can be taken out by a link."""
    reading = read(SearchForm("male, !hat, lower_type:jeans|shorts?"), PETA)
    assert isinstance(reading, Reading)
    assert [chip.label for chip in reading.terms] == ["male", "hat", "jeans / shorts"]
    assert [chip.percent for chip in reading.terms] == [100, 100, 50]
    assert at(reading.terms[1].without) == [("q", "male, lower_type:jeans|shorts?")]
    only = read(SearchForm("hat"), PETA)
    assert isinstance(only, Reading)
    assert only.terms[0].without == "/"


@given(st.text(max_size=40))
def test_only_own_paths_are_gone_back_to(address: str) -> None:
    """No form leads away from the service."""
    parts = urlsplit(own_address(address))
    assert not parts.scheme
    assert not parts.netloc
    assert own_address(address).startswith("/")


@pytest.mark.parametrize(
    "address", ["//e.org", "/\\e.org", "https://e.org", "javascript:x", "/a\nb", "", "\t//e"]
)
def test_addresses_that_lead_away_are_refused(address: str) -> None:
    """Among them those that only some browsers take for another host."""
    assert own_address(address, "/cases") == "/cases"


@given(st.text(max_size=100), st.text(max_size=40))
def test_occasion_survives_the_cookie(purpose: str, case: str) -> None:
    """Purpose and case come back as they were said."""
    try:
        purpose.encode()
        case.encode()
    except UnicodeEncodeError:
        return
    value = Occasion(purpose or None, case or None).to_cookie()
    assert value.isascii()
    assert not set(value) & set(' ;,"\\')
    assert Occasion.of_cookie(value) == Occasion(purpose or None, case or None)
