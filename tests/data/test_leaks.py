"""Leak reports against sets and loops, and against the known leak of the official partitions."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attrieve.data.leaks import leak_report
from attrieve.data.peta import read_peta
from attrieve.data.splits import Split, load_split
from attrieve.schema import ImageSource, Person, PersonSet, load_vocabulary
from strategies import person_sets, schemas

PETA105 = load_vocabulary("peta105")


@given(st.data())
def test_overlaps_equal_nested_loops(data):
    """Persons without identity are nobody's twin."""
    schema = data.draw(schemas(max_attributes=3))
    train, test = (data.draw(person_sets(schema, max_persons=12)) for _ in range(2))
    report = leak_report(Split("drawn", train, test))
    vectors = {a.values for a in train.persons for b in test.persons if a.values == b.values}
    shown = {a.identity for a in train.persons for b in test.persons if a.identity == b.identity} - {None}
    assert (report.train_images, report.test_images) == (len(train), len(test))
    assert (report.full_vectors.shared, report.persons.shared) == (len(vectors), len(shown))
    assert report.full_vectors.test_images == len([b for b in test.persons if b.values in vectors])
    assert report.persons.test_images == len([b for b in test.persons if b.identity in shown])
    assert report.persons.test_share * max(1, len(test)) == pytest.approx(report.persons.test_images)
    assert report.short_vectors is None


def test_short_vectors_ignore_the_other_attributes():
    """Equal in the 35, different in the 105."""
    source = ImageSource(Path("a.png"))
    train = PersonSet("p", PETA105, (Person("a", source, (1,) * 35 + (0,) * 70, "one"),))
    test = PersonSet("p", PETA105, (Person("b", source, (1,) * 105, "two"),))
    report = leak_report(Split("s", train, test))
    assert report.short_vectors is not None
    assert (report.short_vectors.shared, report.short_vectors.test_share) == (1, 1.0)
    assert (report.full_vectors.shared, report.persons.shared, report.images.shared) == (0, 0, 0)


def test_the_same_image_on_both_sides_is_seen():
    """The worst leak of all."""
    persons = PersonSet("p", PETA105, (Person("a", ImageSource(Path("a.png")), (0,) * 105),))
    assert leak_report(Split("s", persons, persons)).images.shared == 1


def test_json_holds_every_number():
    """Plain values, readable by anything."""
    empty = PersonSet("p", PETA105, ())
    document = json.loads(json.dumps(leak_report(Split("s", empty, empty)).to_json()))
    assert document["split"] == "s"
    assert document["persons"] == {"shared": 0, "test_images": 0, "test_share": 0.0}
    assert set(document) == {
        "split", "train_images", "test_images", "images", "persons", "full_vectors", "short_vectors"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "persons", "images"),
    [(0, 1106, 4385), (1, 1095, 4445), (2, 1126, 4441), (3, 1087, 4459), (4, 1098, 4471)],
)
def test_the_official_partitions_leak_as_known(peta, number, persons, images):
    """57.7 to 58.8 % of the test images show a known person, 64 % have a known vector."""
    report = leak_report(load_split(peta, f"official-{number}"))
    assert (report.persons.shared, report.persons.test_images) == (persons, images)
    assert 0.5769 < report.persons.test_share < 0.5884
    assert report.full_vectors.test_share == pytest.approx(0.64, abs=0.005)


@pytest.mark.parametrize("name", ["paper", "sal", "person-disjoint"])
def test_other_splits_share_no_person(peta, name):
    """Since labels are given per person, categories apart are persons apart."""
    report = leak_report(load_split(peta, name))
    assert report.persons.shared == report.images.shared == 0
    assert (report.full_vectors.shared == 0) == (name != "person-disjoint")


@pytest.fixture(scope="module")
def peta(shared_data):
    if not (shared_data / "peta").is_dir():
        pytest.skip(f"PETA not found in {shared_data}")
    return read_peta(shared_data / "peta")
