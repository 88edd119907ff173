"""What the labels say can be seen, and the same arguments give the same bytes."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from attrieve.data.synthetic import DrawnPeopleConfig, draw_image, draw_people, draw_values
from attrieve.data.synthetic.canvas import Canvas
from attrieve.data.synthetic.label_tables import LABEL_GROUPS
from attrieve.data.synthetic.person import imagine_person
from attrieve.data.synthetic.traits import read_traits
from attrieve.errors import ConfigurationError, InputError
from attrieve.schema import load_vocabulary

NAMES = load_vocabulary("peta105").names
PLAIN = (
    "personalLess30",
    "personalMale",
    "hairShort",
    "hairBlack",
    "upperBodyCasual",
    "upperBodyLongSleeve",
    "upperBodyGrey",
    "lowerBodyCasual",
    "lowerBodyTrousers",
    "lowerBodyGrey",
    "footwearShoes",
    "footwearBlack",
    "accessoryNothing",
    "carryingNothing",
)
HEAD, TRUNK, LEGS, FEET = (0.0, 0.25), (0.22, 0.5), (0.52, 0.85), (0.84, 1.0)
VIEWS = (0, 2, 4, 5)
"""Seeds of a back, a front, a right and a left view; :func:`test_views_are_all_four` holds it so."""


def labels(*names: str, without: tuple[str, ...] = ()) -> np.ndarray:
    """A plain man with further labels and without some."""
    values = np.zeros(105, dtype=np.int8)
    for name in {*PLAIN, *names} - set(without):
        values[NAMES.index(name)] = 1
    return values


def clean(values: np.ndarray, seed: int) -> np.ndarray:
    return clean_of_bytes(values.astype(np.int8).tobytes(), seed)


@cache
def clean_of_bytes(values: bytes, seed: int) -> np.ndarray:
    """A picture without camera effects; many tests look at the same ones."""
    return draw_image(np.frombuffer(values, np.int8), seed=seed, difficulty=0.0).astype(np.int32)


def test_views_are_all_four() -> None:
    canvas = Canvas(Image.new("RGB", (64, 128)))
    people = [
        imagine_person(read_traits(labels()), canvas, scene_seed=seed, person_seed=0, difficulty=0)
        for seed in VIEWS
    ]
    assert [person.skeleton.view for person in people] == ["back", "front", "right", "left"]


def changed(one: np.ndarray, other: np.ndarray, band: tuple[float, float]) -> float:
    """Share of pixels between two heights (0 top, 1 bottom) that differ visibly."""
    rows = slice(int(band[0] * len(one)), int(band[1] * len(one)))
    return float((np.abs(one[rows] - other[rows]).max(axis=2) > 24).mean())


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_same_arguments_give_the_same_bytes(difficulty: float) -> None:
    one, again = (draw_image(labels(), seed=3, difficulty=difficulty) for _ in range(2))
    assert one.tobytes() == again.tobytes()
    assert (one != draw_image(labels(), seed=4, difficulty=difficulty)).any()


def test_global_random_state_neither_matters_nor_changes() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
    one = draw_image(labels(), seed=3)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert one.tobytes() == draw_image(labels(), seed=3).tobytes()


@pytest.mark.parametrize(("height", "width"), [(256, 128), (64, 32), (16, 16), (100, 160), (300, 41)])
def test_size_is_as_asked(height: int, width: int) -> None:
    picture = draw_image(labels("carryingBackpack"), seed=0, height_px=height, width_px=width, difficulty=1.0)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5


def test_larger_than_the_square_of_noise() -> None:
    assert draw_image(labels("lowerBodyJeans"), seed=0, height_px=1100, width_px=64).shape == (1100, 64, 3)


def test_a_person_keeps_skin_and_shades_while_the_scene_changes() -> None:
    values = labels("upperBodyRed", without=("upperBodyGrey",))
    one, same = (draw_image(values, seed=seed, person_seed=5, difficulty=0) for seed in (1, 2))
    other = draw_image(values, seed=1, person_seed=6, difficulty=0)
    assert (one != same).any()
    assert (one != other).any()
    # the background belongs to the scene: the corners stay when only the person changes
    np.testing.assert_array_equal(one[:40, :12], other[:40, :12])


@pytest.mark.parametrize(
    ("label", "band"),
    [
        ("accessoryHat", HEAD),
        ("accessoryMuffler", (0.12, 0.4)),
        ("hairLong", (0.0, 0.35)),
        ("hairBald", HEAD),
        ("accessoryKerchief", HEAD),
        ("carryingBackpack", TRUNK),
        ("carryingMessengerBag", (0.2, 0.62)),
        ("upperBodyPlaid", TRUNK),
        ("upperBodyThinStripes", TRUNK),
        ("upperBodyThickStripes", TRUNK),
        ("upperBodyJacket", TRUNK),
        ("upperBodySuit", TRUNK),
        ("upperBodyOther", (0.2, 0.62)),
        ("upperBodyTshirt", (0.15, 0.5)),
        ("upperBodyShortSleeve", TRUNK),
        ("upperBodyNoSleeve", TRUNK),
        ("carryingPlasticBags", (0.5, 0.75)),
        ("carryingOther", (0.5, 0.75)),
        ("carryingLuggageCase", (0.5, 1.0)),
        ("carryingBabyBuggy", (0.5, 1.0)),
        ("lowerBodyShorts", LEGS),
        ("lowerBodyJeans", LEGS),
        ("lowerBodyShortSkirt", LEGS),
        ("lowerBodyLongSkirt", (0.52, 1.0)),
        ("footwearSneaker", FEET),
        ("footwearSandals", FEET),
        ("footwearBoots", (0.7, 1.0)),
    ],
)
def test_a_label_changes_its_part_of_every_view_and_little_else(
    label: str, band: tuple[float, float]
) -> None:
    elsewhere = [(0.0, max(0.0, band[0] - 0.06)), (min(1.0, band[1] + 0.06), 1.0)]
    for seed in VIEWS:
        without, having = clean(labels(), seed), clean(labels(label), seed)
        assert changed(without, having, band) > 0.004, seed
        for other in elsewhere:
            if other[1] - other[0] > 0.05:
                assert changed(without, having, other) < changed(without, having, band), seed


@pytest.mark.parametrize("label", ["accessorySunglasses", "upperBodyVNeck", "upperBodyLogo"])
def test_labels_of_the_front_show_in_at_least_half_of_the_views(label: str) -> None:
    seen = [changed(clean(labels(), s), clean(labels(label), s), (0.0, 0.5)) > 0.001 for s in range(12)]
    assert np.mean(seen) >= 0.5


def test_ages_differ_in_every_view() -> None:
    ages = ("personalLess15", "personalLess30", "personalLess45", "personalLess60", "personalLarger60")
    for seed in VIEWS:
        pictures = [
            clean(labels(age, without=("personalLess30",) if age != ages[1] else ()), seed) for age in ages
        ]
        for one, other in pairwise(pictures):
            assert changed(one, other, (0.0, 1.0)) > 0.005, seed


def test_sexes_have_other_outlines() -> None:
    for seed in VIEWS:
        man, woman = clean(labels(), seed), clean(labels("personalFemale", without=("personalMale",)), seed)
        assert changed(man, woman, (0.1, 0.6)) > 0.01


COLOURS = {
    "Red": lambda red, green, blue: red > 1.6 * max(green, blue),
    "Green": lambda red, green, blue: green > 1.2 * max(red, blue),
    "Blue": lambda red, green, blue: blue > max(1.4 * red, green),
    "White": lambda red, green, blue: min(red, green, blue) > 165,
    "Black": lambda red, green, blue: max(red, green, blue) < 75,
    "Yellow": lambda red, green, blue: min(red, green) > 1.6 * blue,
}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("part", "band"), [("upperBody", (0.3, 0.4)), ("lowerBody", (0.57, 0.72))])
def test_the_middle_of_a_garment_has_its_colour(colour: str, part: str, band: tuple[float, float]) -> None:
    values = labels(f"{part}{colour}", "upperBodyTshirt", without=(f"{part}Grey",))
    for seed in VIEWS:
        picture = clean(values, seed)
        grey = clean(labels("upperBodyTshirt"), seed)
        rows = slice(int(band[0] * 256), int(band[1] * 256))
        painted = np.abs(picture[rows] - grey[rows]).max(axis=2) > 12
        assert painted.mean() > 0.1
        red, green, blue = np.median(picture[rows][painted], axis=0)
        assert COLOURS[colour](red, green, blue), (seed, red, green, blue)


def test_difficulty_adds_noise_but_not_another_person() -> None:
    easy, hard = (draw_image(labels(), seed=2, difficulty=d).astype(float) for d in (0.0, 1.0))
    assert np.abs(easy - hard).mean() > 3
    still = draw_image(labels(), seed=2, difficulty=0.0).astype(float)
    np.testing.assert_array_equal(easy, still)


def test_contradicting_and_empty_labels_are_drawn_all_the_same() -> None:
    for values in (np.zeros(105, dtype=np.int8), np.ones(105, dtype=np.int8)):
        for seed in VIEWS:
            assert draw_image(values, seed=seed, height_px=64, width_px=32).shape == (64, 32, 3)


def test_every_label_alone_can_be_drawn() -> None:
    for group in LABEL_GROUPS:
        for index, name in enumerate(group.attributes):
            values = np.zeros(105, dtype=np.int8)
            values[NAMES.index(name)] = 1
            assert draw_image(values, seed=index, height_px=48, width_px=24).shape == (48, 24, 3)


@pytest.mark.parametrize("value", [-1, 2])
def test_unknown_values_are_refused_with_their_name(value: int) -> None:
    values = labels()
    values[10] = value
    with pytest.raises(InputError, match=f"accessoryHat.*{value}"):
        draw_image(values, seed=0)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="105"):
        draw_image(np.zeros(35, dtype=np.int8), seed=0)


@pytest.mark.parametrize("wrong", [{"height_px": 15}, {"width_px": 2049}, {"difficulty": -0.1}])
def test_impossible_pictures_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        draw_image(labels(), seed=0, **wrong)  # type: ignore[arg-type]


def test_people_are_drawn_in_the_order_of_their_labels() -> None:
    config = DrawnPeopleConfig(images=40, height_px=32, width_px=16, seed=4)
    seen: list[tuple[int, int]] = []
    pictures = list(draw_people(config, workers=1, progress=lambda done, total: seen.append((done, total))))
    assert len(pictures) == 40
    assert seen == [(32, 40), (40, 40)]
    fewer = list(draw_people(DrawnPeopleConfig(images=5, height_px=32, width_px=16, seed=4), workers=1))
    for one, other in zip(fewer, pictures, strict=False):
        np.testing.assert_array_equal(one, other)
    assert len(draw_values(config)[0]) == 40


def test_the_number_of_processes_does_not_show() -> None:
    config = DrawnPeopleConfig(images=70, height_px=32, width_px=16)
    alone = np.stack(list(draw_people(config, workers=1)))
    together = np.stack(list(draw_people(config, workers=2)))
    assert alone.tobytes() == together.tobytes()


def test_no_workers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="workers"):
        list(draw_people(DrawnPeopleConfig(images=1), workers=0))
