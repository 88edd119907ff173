"""Builder and text box are two views of one query."""

from hypothesis import given
from hypothesis import strategies as st

from attrieve.schema import AttributeQuery, load_vocabulary, parse_query
from attrieve.schema.body_regions import BodyRegion, body_regions, colour_of
from attrieve.serving.web.builder import Choice, Said, apply, build, read_answers, sayings
from strategies import queries, schemas

PETA = load_vocabulary("peta35")


def said_of(query: AttributeQuery | None) -> dict[int, Choice]:
    """What a query says, attribute by attribute, without the builder's help."""
    found = {}
    for term in () if query is None else query.terms:
        for index in term.attributes:
            found[index] = Choice.YES if term.wanted else Choice.NO
    return found


@st.composite
def changes(draw: st.DrawFn) -> tuple[AttributeQuery, dict[int, Said]]:
    schema = draw(schemas())
    query = draw(queries(schema))
    made = draw(
        st.dictionaries(
            st.integers(0, len(schema) - 1),
            st.builds(Said, st.sampled_from(list(Choice)), st.integers(1, 100)),
        )
    )
    return query, made


@given(changes())
def test_builder_shows_what_was_chosen_in_it(case: tuple[AttributeQuery, dict[int, Said]]) -> None:
    """Every attribute that was changed says what was chosen; every other one what it said before."""
    query, answers = case
    changed = apply(query, query, answers, query.schema)
    expected = said_of(query) | {index: said.choice for index, said in answers.items()}
    assert said_of(changed) == {
        index: choice for index, choice in expected.items() if choice is not Choice.OPEN
    }


@given(changes())
def test_untouched_builder_changes_nothing(case: tuple[AttributeQuery, dict[int, Said]]) -> None:
    """A form sent back as it was drawn leaves the query as it is, alternatives and odd certainties too."""
    query, _ = case
    drawn = {
        control.index: control.said
        for part in build(query, query.schema)
        for group in part.groups
        for control in group.controls
    }
    assert len(drawn) == len(query.schema)
    assert apply(query, query, drawn, query.schema) == query


@given(changes())
def test_changed_query_can_be_written_and_read_again(case: tuple[AttributeQuery, dict[int, Said]]) -> None:
    """What the builder makes is a text of the query language."""
    query, answers = case
    changed = apply(query, query, answers, query.schema)
    if changed is not None:
        assert parse_query(changed.to_text(), query.schema) == changed


def test_changes_in_text_and_builder_are_both_kept() -> None:
    """The text was edited and the builder was used before the form was sent: neither is lost."""
    shown = parse_query("hat, jeans", PETA)
    text = parse_query("hat, jeans, male", PETA)
    answers = {**sayings(shown), PETA.index_of("backpack"): Said(Choice.YES, 80)}
    changed = apply(text, shown, answers, PETA)
    assert changed is not None
    assert changed.to_text() == "hat, jeans, male, backpack~0.8"


def test_second_choice_of_a_group_makes_alternatives() -> None:
    """Of what excludes each other two yeses mean one of both."""
    shown = parse_query("jeans, hat", PETA)
    answers = {PETA.index_of("shorts"): Said(Choice.YES, 100)}
    changed = apply(shown, shown, answers, PETA)
    assert changed is not None
    assert changed.to_text() == "lower_type:jeans|shorts, hat"
    back = apply(changed, changed, {PETA.index_of("jeans"): Said(Choice.OPEN)}, PETA)
    assert back is not None
    assert back.to_text() == "shorts, hat"


def test_certainty_of_alternatives_is_one() -> None:
    """A slider of one alternative moves the term they share."""
    shown = parse_query("lower_type:jeans|shorts", PETA)
    changed = apply(shown, shown, {PETA.index_of("jeans"): Said(Choice.YES, 30)}, PETA)
    assert changed is not None
    assert changed.to_text() == "lower_type:jeans|shorts~0.3"


def test_nothing_asked_is_no_query() -> None:
    """The last attribute opened leaves nothing."""
    shown = parse_query("hat", PETA)
    assert apply(shown, shown, {PETA.index_of("hat"): Said()}, PETA) is None


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=20))
def test_any_fields_can_be_read(parameters: list[tuple[str, str]]) -> None:
    """Fields that no form sends are passed over."""
    for index, said in read_answers(parameters, PETA).items():
        assert 0 <= index < len(PETA)
        assert 1 <= said.percent <= 100


@given(schemas())
def test_every_group_has_one_region(schema_drawn: object) -> None:
    """The regions divide the groups of any vocabulary: none is lost, none is there twice."""
    divided = [group.name for part in body_regions(schema_drawn) for group in part.groups]  # type: ignore[arg-type]
    assert sorted(divided) == sorted(group.name for group in schema_drawn.groups)  # type: ignore[attr-defined]


def test_regions_of_the_large_vocabulary() -> None:
    """PETA's groups are seen where a person would look for them, and its colour groups are all colours."""
    schema = load_vocabulary("peta105")
    found = {group.name: part.region for part in body_regions(schema) for group in part.groups}
    assert found["hair_color"] is BodyRegion.HEAD
    assert found["sleeve"] is BodyRegion.UPPER
    assert found["lower_texture"] is BodyRegion.LOWER
    assert found["footwear_color"] is BodyRegion.FEET
    assert found["carrying"] is BodyRegion.CARRIED
    assert found["age"] is BodyRegion.PERSON
    for group in schema.groups:
        for index in schema.positions_of(group.attributes):
            colour = colour_of(schema.attributes[index], group)
            assert (colour is not None) == group.name.endswith("color")
            assert colour is None or schema.labels[index].startswith(colour.name)
