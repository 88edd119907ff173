"""Labels of drawn people are those a crowd in PETA could have."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat

from attrieve.data.synthetic import DrawnPeopleConfig, draw_values
from attrieve.data.synthetic.label_tables import LABEL_GROUPS, count_tables, load_label_tables
from attrieve.errors import ConfigurationError, InputError
from attrieve.schema import load_vocabulary

NAMES = load_vocabulary("peta105").names
COLUMN = {name: index for index, name in enumerate(NAMES)}

# Positives of 19,000, counted elsewhere over PETA.mat (datasets.md and attributes.yaml of the notes).
PETA_POSITIVES = {
    "personalLess30": 9443,
    "personalLess45": 6247,
    "personalLess60": 1944,
    "personalLarger60": 1172,
    "carryingBackpack": 3735,
    "carryingOther": 3789,
    "carryingMessengerBag": 5619,
    "carryingNothing": 5243,
    "carryingPlasticBags": 1453,
    "lowerBodyCasual": 16356,
    "upperBodyFormal": 2545,
    "accessoryHat": 1930,
    "accessoryMuffler": 1594,
    "accessoryNothing": 14238,
    "accessorySunglasses": 552,
    "upperBodyJacket": 1314,
    "upperBodyTshirt": 1600,
    "upperBodyOther": 8656,
    "upperBodyVNeck": 224,
    "upperBodyLogo": 763,
    "upperBodyPlaid": 505,
    "upperBodyThinStripes": 326,
    "upperBodyShortSleeve": 2695,
    "lowerBodyJeans": 5815,
    "lowerBodyShorts": 660,
    "lowerBodyShortSkirt": 864,
    "lowerBodyTrousers": 9787,
    "footwearLeatherShoes": 5628,
    "footwearSandals": 388,
    "footwearShoes": 6902,
    "footwearSneaker": 4106,
    "hairLong": 4513,
    "personalMale": 10421,
    "upperBodyBlack": 8532,
    "upperBodyWhite": 3540,
    "lowerBodyBlue": 3474,
    "hairBrown": 3987,
    "footwearBlack": 10668,
}


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """Labels of 20,000 persons with one picture each."""
    return draw_values(DrawnPeopleConfig(images=20_000, images_per_person=(1, 1)))[0]


def column(values: np.ndarray, name: str) -> np.ndarray:
    return values[:, COLUMN[name]] == 1


def test_every_label_of_the_vocabulary_belongs_to_one_group() -> None:
    grouped = [name for group in LABEL_GROUPS for name in group.attributes]
    assert sorted(grouped) == sorted(NAMES)


def test_parents_come_before_their_children() -> None:
    seen: set[str] = set()
    for group in LABEL_GROUPS:
        assert set(group.parents) <= seen
        seen.add(group.name)


@pytest.mark.parametrize("name", PETA_POSITIVES)
def test_positive_rates_are_within_three_points_of_peta(crowd: np.ndarray, name: str) -> None:
    expected = PETA_POSITIVES[name] / 19_000
    assert column(crowd, name).mean() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("name", ["upperBodyVNeck", "footwearSandals", "lowerBodyShorts", "upperBodyPlaid"])
def test_rare_labels_are_within_a_third_of_peta(crowd: np.ndarray, name: str) -> None:
    assert column(crowd, name).sum() == pytest.approx(PETA_POSITIVES[name] * 20 / 19, rel=0.34)


def test_values_are_yes_or_no_and_every_label_occurs_except_some_colours(crowd: np.ndarray) -> None:
    assert set(np.unique(crowd)) == {0, 1}
    never = {name for name in NAMES if not column(crowd, name).any()}
    assert not {name for name in never if not name.startswith(("hair", "lowerBody", "footwear"))}


def test_one_sex_one_age_one_sleeve_one_style(crowd: np.ndarray) -> None:
    for start in ("personalMale personalFemale", "upperBodyCasual upperBodyFormal"):
        assert (sum(column(crowd, name).astype(int) for name in start.split()) == 1).all()
    for group in LABEL_GROUPS:
        if group.name in ("age", "sleeve", "lower_style", "lower_type", "hair_colour"):
            assert (crowd[:, [COLUMN[name] for name in group.attributes]].sum(axis=1) == 1).all()


def test_nothing_excludes_everything_else(crowd: np.ndarray) -> None:
    for group in LABEL_GROUPS:
        if group.name in ("accessory", "carrying"):
            total = crowd[:, [COLUMN[name] for name in group.attributes]].sum(axis=1)
            assert total.min() == 1
            assert total.max() == 2
            nothing = column(crowd, group.attributes[0])
            assert (total[nothing] == 1).all()


def test_one_or_two_upper_colours(crowd: np.ndarray) -> None:
    group = next(group for group in LABEL_GROUPS if group.name == "upper_colour")
    total = crowd[:, [COLUMN[name] for name in group.attributes]].sum(axis=1)
    assert set(np.unique(total)) == {1, 2}
    assert (total == 2).mean() == pytest.approx(0.105, abs=0.03)


def test_labels_go_together_as_in_life(crowd: np.ndarray) -> None:
    male, formal = column(crowd, "personalMale"), column(crowd, "upperBodyFormal")
    assert column(crowd, "hairLong")[male].mean() < 0.05 < 0.4 < column(crowd, "hairLong")[~male].mean()
    assert column(crowd, "lowerBodyFormal")[formal].mean() > 0.85
    assert column(crowd, "lowerBodyFormal")[~formal].mean() < 0.1
    assert column(crowd, "lowerBodyShortSkirt")[male].mean() < 0.005
    old = column(crowd, "personalLarger60")
    grey = column(crowd, "hairGrey") | column(crowd, "hairWhite")
    assert grey[old].mean() > 2 * grey[~old].mean()


def test_most_of_3000_pictures_share_their_category() -> None:
    values, _ = draw_values(DrawnPeopleConfig(images=3000))
    _, inverse, counts = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    assert (counts[inverse.ravel()] >= 2).mean() > 0.7


def test_some_persons_share_all_labels_with_another_person() -> None:
    values, identity = draw_values(DrawnPeopleConfig(images=3000))
    first = np.unique(identity, return_index=True)[1]
    assert 0.03 < 1 - len(np.unique(values[first], axis=0)) / len(first) < 0.25


@given(
    seed=st.integers(0, 2**40), images=st.integers(1, 300), least=st.integers(1, 3), more=st.integers(0, 4)
)
def test_persons_are_numbered_in_runs_and_have_one_row(seed: int, images: int, least: int, more: int) -> None:
    config = DrawnPeopleConfig(images=images, seed=seed, images_per_person=(least, least + more))
    values, identity = draw_values(config)
    assert values.shape == (images, 105)
    assert values.dtype == np.int8
    assert identity[0] == 1
    assert set(np.diff(identity)) <= {0, 1}
    counts = np.bincount(identity)[1:]
    assert counts.max() <= least + more
    assert all(count >= least for count in counts[:-1])
    same_person = np.diff(identity) == 0
    assert (values[1:][same_person] == values[:-1][same_person]).all()


def test_fewer_pictures_are_a_prefix_of_more() -> None:
    many = draw_values(DrawnPeopleConfig(images=2000, seed=9))
    few = draw_values(DrawnPeopleConfig(images=700, seed=9))
    np.testing.assert_array_equal(few[0], many[0][:700])
    np.testing.assert_array_equal(few[1], many[1][:700])


def test_another_seed_gives_other_people() -> None:
    one, other = (draw_values(DrawnPeopleConfig(images=50, seed=seed))[0] for seed in (0, 1))
    assert (one != other).any()


def test_counting_finds_hand_made_counts() -> None:
    values = np.zeros((5, 105), dtype=np.int8)
    for row, names in enumerate(
        [
            ("personalMale", "upperBodyCasual"),
            ("personalMale", "upperBodyFormal"),
            ("personalMale", "upperBodyFormal"),
            ("personalFemale", "upperBodyCasual", "accessoryNothing"),
            ("personalFemale", "upperBodyCasual", "accessoryNothing", "accessoryHat"),
        ]
    ):
        values[row, [COLUMN[name] for name in names]] = 1
    counts = count_tables(values, NAMES, least_count=1)
    assert counts["upper_style"] == {
        "personalFemale": {"upperBodyCasual": 2},
        "personalMale": {"upperBodyCasual": 1, "upperBodyFormal": 2},
    }
    assert counts["accessory"] == {"personalFemale": {"accessoryNothing": 1}}
    assert count_tables(values, NAMES, least_count=3)["upper_style"] == {
        "personalFemale": {"upperBodyCasual": 2},
        "personalMale": {"upperBodyCasual": 1},
    }


def test_counting_needs_every_label() -> None:
    with pytest.raises(InputError, match="personalMale"):
        count_tables(np.zeros((1, 1), dtype=np.int8), ["personalLess30"])


def test_stored_counts_are_those_of_the_real_labels(shared_data: Path) -> None:
    file = shared_data / "peta" / "PETA.mat"
    if not file.is_file():
        pytest.skip(f"no {file}")
    record = loadmat(file)["peta"][0, 0]
    names = [str(cell[0][0]) for cell in record["attribute"]]
    counted = count_tables(record["data"][:, 4:].astype(np.int8), names)
    frequent = {
        group: {context: counts for context, counts in contexts.items() if sum(counts.values()) >= 8}
        for group, contexts in counted.items()
    }
    assert frequent == load_label_tables()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": 0}, "images"),
        ({"images": 60_001}, "images"),
        ({"images": 1, "seed": -1}, "seed"),
        ({"images": 1, "height_px": 8}, "height_px"),
        ({"images": 1, "width_px": 4096}, "width_px"),
        ({"images": 1, "difficulty": 1.1}, "difficulty"),
        ({"images": 1, "difficulty": float("nan")}, "difficulty"),
        ({"images": 1, "images_per_person": (3, 2)}, "images_per_person"),
        ({"images": 1, "images_per_person": (0, 2)}, "images_per_person"),
    ],
)
def test_impossible_configurations_are_refused_by_name(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        DrawnPeopleConfig(**wrong)  # type: ignore[arg-type]
