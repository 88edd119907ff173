"""Pooling witnesses: evidence adds up, and nobody's conflict is hidden."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.errors import QueryError, SchemaMismatchError
from attrieve.schema import AttributeQuery, Term, load_vocabulary, parse_query
from attrieve.schema.witnesses import (
    LEAST_CERTAIN,
    MOST_CERTAIN,
    Verdict,
    Witness,
    pool,
    read_witness,
)

PETA35 = load_vocabulary("peta35")
HAT, BACKPACK = PETA35.index_of("hat"), PETA35.index_of("backpack")

certainties = st.floats(0.05, 1.0)


def said(*texts: str) -> list[Witness]:
    return [read_witness(text, PETA35) for text in texts]


def signed(query: AttributeQuery) -> dict[str, float]:
    return {
        "|".join(PETA35.labels[i] for i in t.attributes): t.certainty if t.wanted else -t.certainty
        for t in query.terms
    }


@given(st.lists(st.tuples(st.booleans(), certainties, st.floats(0.1, 1.0)), min_size=1, max_size=5))
def test_log_odds_add_up(statements: list[tuple[bool, float, float]]) -> None:
    """Against the product of odds, written out; together they say the weighted product."""
    witnesses = [
        Witness(str(n), AttributeQuery(PETA35, (Term((HAT,), wanted, certainty), Term((BACKPACK,)))), weight)
        for n, (wanted, certainty, weight) in enumerate(statements)
    ]
    odds = 1.0
    for wanted, certainty, weight in statements:
        p = 0.5 + MOST_CERTAIN * certainty / 2
        odds *= (p / (1 - p)) ** (weight if wanted else -weight)
    p = odds / (1 + odds)
    expected = max(-1.0, min(1.0, (2 * p - 1) / MOST_CERTAIN))
    found = signed(pool(witnesses).query).get("hat", 0.0)
    assert found == pytest.approx(expected if abs(expected) >= LEAST_CERTAIN else 0.0, abs=1e-9)


@given(certainties, st.floats(0.1, 1.0))
def test_one_witness_of_full_weight_is_the_description_itself(certainty: float, weight: float) -> None:
    """Pooling changes nothing for one; a smaller weight only lowers certainty."""
    query = AttributeQuery(PETA35, (Term((HAT,), False, certainty), Term((BACKPACK,), True, 1.0)))
    alone = signed(pool([Witness("A", query)]).query)
    assert alone == pytest.approx({"backpack": 1.0, "hat": -certainty})
    lighter = signed(pool([Witness("A", query, weight)]).query)
    assert 0 < lighter["backpack"] <= 1.0
    assert -certainty - 1e-12 <= lighter.get("hat", 0.0) <= 0


@given(st.lists(certainties, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_witnesses_plays_no_part(each: list[float], shuffler: Random) -> None:
    """Evidence is a sum."""
    queries = [AttributeQuery(PETA35, (Term((HAT,), True, c),)) for c in each]
    witnesses = [Witness(str(n), query) for n, query in enumerate(queries)]
    shuffled = list(witnesses)
    shuffler.shuffle(shuffled)
    assert signed(pool(witnesses).query) == pytest.approx(signed(pool(shuffled).query))


def test_agreement_is_surer_and_conflict_is_told() -> None:
    """Two unsure ones are surer together; a yes against an equal no leaves it open."""
    pooled = pool(said("A: male, hat?, backpack", "B: male, hat?, !backpack, jeans"))
    found = signed(pooled.query)
    assert found["hat"] > 0.5
    assert found["male"] == 1.0
    assert "backpack" not in found
    verdicts = {row.label: row.verdict for row in pooled.comparisons}
    assert verdicts == {
        "male": Verdict.AGREE,
        "hat": Verdict.AGREE,
        "backpack": Verdict.CONFLICT,
        "jeans": Verdict.ONE,
    }


def test_a_weightier_witness_prevails() -> None:
    """As sure, but half the weight: the other is believed, less surely than alone."""
    found = signed(pool(said("A: hat", "B~0.5: no hat at all")).query)
    assert 0 < found["hat"] < 1


def test_exclusive_claims_become_one_of_these() -> None:
    """One says under 30, another 30 to 45: both are searched for, and the conflict is told."""
    pooled = pool(said("A: age:<30", "B: age:<45, male"))
    assert pooled.query.to_text() == "age:under 30|30 to 45, male"
    conflicts = [row.label for row in pooled.comparisons if row.verdict is Verdict.CONFLICT]
    assert conflicts == ["under 30 / 30 to 45"]


def test_precise_statements_narrow_loose_ones() -> None:
    """Of "jeans or shorts", what another rules out is dropped, what another wants is taken."""
    assert signed(pool(said("A: jeans|shorts", "B: no jeans on him")).query) == {"shorts": 1.0, "jeans": -1.0}
    assert signed(pool(said("A: jeans|shorts", "B: shorts")).query) == {"shorts": 1.0}
    both = signed(pool(said("A: jeans|shorts|trousers~0.5", "B: shorts|trousers~0.5")).query)
    assert list(both) == ["shorts|trousers"]
    assert both["shorts|trousers"] > 0.5


def test_doubt_never_passes_certainty() -> None:
    """However many agree, certainty stays within 1."""
    pooled = pool(said(*(f"{name}: hat" for name in "ABCDEFGH")))
    assert signed(pooled.query) == {"hat": 1.0}
    assert math.isfinite(pooled.comparisons[0].pooled)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], "at least one witness"),
        (["A: hat", "A: jeans"], "two witnesses are called 'A'"),
        (["A: hat", "B: !hat"], "cancel each other out"),
        (["male, hat"], "NAME: description"),
        (["A~x: hat"], "must be a number"),
        (["A~0: hat"], "above 0 and at most 1"),
        (["A~2: hat"], "above 0 and at most 1"),
        (["A: bakpack"], "witness 'A'.*backpack"),
        (["A: hat, !hat"], "both wanted and unwanted"),
    ],
)
def test_what_cannot_be_pooled_is_refused(texts: list[str], told: str) -> None:
    """Each with the reason."""
    with pytest.raises(QueryError, match=told):
        pool(said(*texts))


def test_witnesses_speak_one_vocabulary() -> None:
    """Another vocabulary is refused with both names."""
    other = Witness("B", parse_query("hat", load_vocabulary("peta105")))
    with pytest.raises(SchemaMismatchError, match=r"peta35.*peta105"):
        pool([*said("A: hat"), other])
