"""What stands beside a run's weights."""

from pathlib import Path

from attrieve.training.card import CARD, read_provenance, write_card, write_provenance
from attrieve.training.run import build_retriever
from training.tiny import tiny_people, tiny_recipe


def test_provenance_reads_back(tmp_path: Path) -> None:
    people = tiny_people()
    write_provenance(tmp_path, start="from scratch", people=people, precision="float32")
    found = read_provenance(tmp_path)
    assert found is not None
    assert (found["start"], found["images"], found["categories"]) == (
        "from scratch",
        len(people),
        len(people.categories),
    )


def test_a_run_without_provenance_has_none(tmp_path: Path) -> None:
    assert read_provenance(tmp_path) is None
    (tmp_path / "provenance.json").write_text("[1", "utf-8")
    assert read_provenance(tmp_path) is None


def test_the_card_says_what_a_reader_needs(tmp_path: Path) -> None:
    people, recipe = tiny_people(), tiny_recipe()
    retriever = build_retriever(recipe, people)
    write_provenance(tmp_path, start="from a test", people=people, precision="float32")
    write_card(tmp_path, recipe, retriever)
    card = (tmp_path / CARD).read_text("utf-8")
    counted = f"{len(people)} images, {len(people.categories)} distinct descriptions"
    for words in (
        recipe.name,
        "from a test",
        counted,
        retriever.schema.fingerprint,
        "Not for identifying people",
    ):
        assert words in card
    assert "$" not in card
