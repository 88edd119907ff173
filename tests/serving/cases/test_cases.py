"""Case folders: who may see and do what, what stays, and that every change stands in the ledger."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attrieve.errors import InputError
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    HitToSave,
    Mark,
    MemberRole,
    NotAllowedInCaseError,
    UnknownCaseError,
)
from attrieve.serving.cases.cases import Cases
from attrieve.serving.problems import ProblemError
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import Action, Ledger
from attrieve.serving.state.signing import SigningKey
from serving.cases.folder import ANN, KIM, LEE, LOCAL, key_of


@pytest.fixture
def database(tmp_path: Path) -> Iterator[StateDatabase]:
    opened = StateDatabase(tmp_path / "state.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: StateDatabase) -> Ledger:
    return Ledger(database, SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32))))


@pytest.fixture
def cases(database: StateDatabase, ledger: Ledger) -> Cases:
    return Cases(database, ledger)


@pytest.fixture
def case(cases: Cases) -> Case:
    """Lee owns it, Kim edits it."""
    return cases.create(
        LEE, number="7/24", title="Theft", purpose="Find the coat", members={"kim": MemberRole.EDITOR}
    )


def test_a_case_comes_back_as_it_was_made(cases: Cases, case: Case) -> None:
    assert cases.get(LEE, case.id) == case
    assert cases.numbered(KIM, "7/24") == case
    assert (case.number, case.title, case.purpose, case.status) == (
        "7/24",
        "Theft",
        "Find the coat",
        CaseStatus.OPEN,
    )
    assert {member.name: member.role for member in case.members} == {
        "lee": MemberRole.OWNER,
        "kim": MemberRole.EDITOR,
    }


def test_who_is_no_member_cannot_tell_that_it_exists(cases: Cases, case: Case) -> None:
    """It looks like a case that is not there; who owns the machine sees all."""
    for number in (case.id, 99, 0, -3, 2**63, 10**25):
        with pytest.raises(UnknownCaseError):
            cases.get(ANN, number)
    with pytest.raises(UnknownCaseError):
        cases.numbered(ANN, "7/24")
    assert cases.find(ANN).total == 0
    assert cases.get(LOCAL, case.id) == case
    assert cases.find(LOCAL).items == (case,)


Change = Callable[[Cases, Actor, Case], object]
OWNERS: dict[str, Change] = {
    "change": lambda cases, actor, case: cases.change(actor, case.id, title="New"),
    "member": lambda cases, actor, case: cases.set_member(actor, case.id, "ann", MemberRole.READER),
    "remove": lambda cases, actor, case: cases.remove_member(actor, case.id, "kim"),
    "delete": lambda cases, actor, case: cases.delete(actor, case.id),
}
EDITORS: dict[str, Change] = {
    "note": lambda cases, actor, case: cases.add_note(actor, case.id, "seen"),
    "query": lambda cases, actor, case: cases.save_query(actor, case.id, {"query": "hat"}, text="hat"),
    "hits": lambda cases, actor, case: cases.save_hits(actor, case.id, [HitToSave(key_of(1), {})]),
}


@pytest.mark.parametrize("name", [*OWNERS, *EDITORS])
def test_roles_in_a_case(cases: Cases, case: Case, name: str) -> None:
    """A reader only reads, an editor fills it, an owner does all; strangers see nothing."""
    change = (OWNERS | EDITORS)[name]
    cases.set_member(LEE, case.id, "ann", MemberRole.READER)
    with pytest.raises(NotAllowedInCaseError):
        change(cases, ANN, case)
    if name in OWNERS:
        with pytest.raises(NotAllowedInCaseError, match="owner"):
            change(cases, KIM, case)
        change(cases, LEE, case)
    else:
        change(cases, KIM, case)
    stranger = Actor("eve", LEE.role, "session")
    with pytest.raises(UnknownCaseError):
        change(cases, stranger, case)


def test_every_change_stands_in_the_ledger_in_the_same_commit(
    cases: Cases, case: Case, ledger: Ledger
) -> None:
    """With purpose and case number; a change that fails leaves no entry."""
    query = cases.save_query(KIM, case.id, {"query": "hat"}, text="hat")
    cases.save_hits(KIM, case.id, [HitToSave(key_of(1), {"distance": 0.5}, query.id)])
    cases.mark(KIM, case.id, key_of(1), Mark.RIGHT)
    note = cases.add_note(KIM, case.id, "at the gate", key=key_of(1))
    cases.delete_note(KIM, case.id, note.id)
    cases.remove_hit(KIM, case.id, key_of(1))
    cases.delete_query(KIM, case.id, query.id)
    cases.change(LEE, case.id, status=CaseStatus.CLOSED)
    with pytest.raises(ProblemError, match="closed"):
        cases.add_note(KIM, case.id, "late")
    cases.delete(LEE, case.id)
    told = [(entry.details["what"], entry.action, entry.keys) for entry in ledger.entries(case="7/24")]
    assert told == [
        ("created", Action.CASE, ()),
        ("query saved", Action.CASE, ()),
        ("hits saved", Action.CASE, (key_of(1),)),
        ("marked", Action.MARK, (key_of(1),)),
        ("note added", Action.CASE, (key_of(1),)),
        ("note deleted", Action.CASE, ()),
        ("hit removed", Action.CASE, (key_of(1),)),
        ("query deleted", Action.CASE, ()),
        ("changed", Action.CASE, ()),
        ("deleted", Action.CASE, ()),
    ]
    assert {entry.purpose for entry in ledger.entries()} == {"Find the coat"}


def test_a_change_that_cannot_be_recorded_is_not_made(
    cases: Cases, case: Case, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> object:
        raise OSError("no space left")

    monkeypatch.setattr(ledger, "record", full)
    with pytest.raises(OSError, match="no space"):
        cases.change(LEE, case.id, title="New")
    monkeypatch.undo()
    assert cases.get(LEE, case.id).title == "Theft"


def test_a_case_keeps_an_owner(cases: Cases, case: Case) -> None:
    for change in (
        lambda: cases.remove_member(LEE, case.id, "lee"),
        lambda: cases.set_member(LEE, case.id, "lee", MemberRole.READER),
    ):
        with pytest.raises(ProblemError, match="owner"):
            change()
    cases.set_member(LEE, case.id, "kim", MemberRole.OWNER)
    assert cases.remove_member(LEE, case.id, "lee").members[0].name == "kim"
    with pytest.raises(ProblemError, match="no member"):
        cases.remove_member(KIM, case.id, "nobody")


def test_two_cases_never_have_one_number(cases: Cases, case: Case) -> None:
    with pytest.raises(ProblemError, match="7/24"):
        cases.create(ANN, number=" 7/24 ", title="Other", purpose="Other")
    other = cases.create(ANN, number="8/24", title="Other", purpose="Other")
    with pytest.raises(ProblemError, match="7/24"):
        cases.change(ANN, other.id, number="7/24")
    assert cases.change(ANN, other.id, number="8/24").number == "8/24"


def test_hits_and_marks(cases: Cases, case: Case) -> None:
    """Saved again, a hit gets new facts and keeps its mark; readers of marks see who made them."""
    cases.save_hits(LEE, case.id, [HitToSave(key_of(n), {"distance": n / 10}) for n in (3, 1, 2)])
    cases.mark(KIM, case.id, key_of(1), Mark.RIGHT)
    cases.mark(LEE, case.id, key_of(2), Mark.WRONG)
    cases.mark(LEE, case.id, key_of(3), Mark.UNSURE)
    cases.mark(LEE, case.id, key_of(3), None)
    [again] = cases.save_hits(LEE, case.id, [HitToSave(key_of(1), {"distance": 0.9})])
    assert (again.facts, again.mark, again.marked_by) == ({"distance": 0.9}, Mark.RIGHT, "kim")
    assert cases.marks(LEE, case.id) == {key_of(1): Mark.RIGHT, key_of(2): Mark.WRONG}
    assert [hit.key for hit in cases.hits(LEE, case.id, mark=Mark.WRONG).items] == [key_of(2)]
    with pytest.raises(ProblemError, match="no hit"):
        cases.mark(LEE, case.id, key_of(9), Mark.RIGHT)
    with pytest.raises(InputError):
        cases.save_hits(LEE, case.id, [HitToSave("no key", {})])
    with pytest.raises(ProblemError, match="no query 77"):
        cases.save_hits(LEE, case.id, [HitToSave(key_of(4), {}, 77)])


def test_notes_belong_to_their_authors(cases: Cases, case: Case) -> None:
    cases.save_hits(LEE, case.id, [HitToSave(key_of(1), {})])
    about = cases.add_note(LEE, case.id, "about\r\nher", key=key_of(1))
    general = cases.add_note(KIM, case.id, "in general")
    assert [note.id for note in cases.notes(KIM, case.id).items] == [about.id, general.id]
    assert cases.notes(KIM, case.id, key=key_of(1)).items == (about,)
    assert (about.author, about.text) == ("lee", "about\nher")
    with pytest.raises(NotAllowedInCaseError):
        cases.delete_note(KIM, case.id, about.id)
    cases.delete_note(LEE, case.id, general.id)  # its owner may delete others', too
    with pytest.raises(ProblemError, match="no hit"):
        cases.add_note(LEE, case.id, "x", key=key_of(5))
    with pytest.raises(ProblemError, match="no note"):
        cases.delete_note(LEE, case.id, 999)


def test_pages_cover_everything_once(cases: Cases, case: Case) -> None:
    cases.save_hits(LEE, case.id, [HitToSave(key_of(n), {}) for n in range(23)])
    pages = [cases.hits(LEE, case.id, page=page, page_size=5) for page in range(1, 7)]
    assert [len(page.items) for page in pages] == [5, 5, 5, 5, 3, 0]
    assert {page.total for page in pages} == {23}
    assert pages[0].pages == 5
    assert sorted(hit.key for page in pages for hit in page.items) == [key_of(n) for n in range(23)]
    with pytest.raises(InputError):
        cases.hits(LEE, case.id, page=0)


def test_finding_cases(cases: Cases) -> None:
    """By words and status, those changed last first."""
    made = [cases.create(LEE, number=f"{n}/24", title=f"Title {n}", purpose="p") for n in range(4)]
    cases.add_note(LEE, made[1].id, "news")
    cases.change(LEE, made[2].id, status=CaseStatus.CLOSED)
    assert [case.number for case in cases.find(LEE).items] == ["2/24", "1/24", "3/24", "0/24"]
    assert [case.number for case in cases.find(LEE, text="tItLe 3").items] == ["3/24"]
    assert [case.number for case in cases.find(LEE, status=CaseStatus.CLOSED).items] == ["2/24"]
    assert cases.find(LEE, text="100%").total == 0


@pytest.mark.parametrize(
    "wrong",
    [{"number": ""}, {"title": " "}, {"purpose": "x" * 3000}, {"title": "a\x00b"}, {"title": "\ud800"}],
)
def test_texts_are_texts(cases: Cases, wrong: dict[str, str]) -> None:
    """Nothing but characters that can be shown, not too many, not too few."""
    with pytest.raises(InputError):
        cases.create(LEE, **{"number": "1", "title": "t", "purpose": "p", **wrong})


def test_what_is_typed_is_text_and_no_statement(cases: Cases, case: Case) -> None:
    evil = "'; DROP TABLE cases; --"
    made = cases.create(LEE, number=evil, title=evil, purpose=evil)
    assert cases.find(LEE, text=evil).items == (made,)
    assert cases.numbered(LEE, evil).title == evil
    assert cases.get(LEE, case.id) == case
