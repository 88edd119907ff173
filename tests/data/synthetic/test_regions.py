"""Regions of attributes: the pixels that change with them, and nothing else."""

import numpy as np
import pytest

from attrieve.data.synthetic import draw_image
from attrieve.data.synthetic.image import draw_scene
from attrieve.data.synthetic.parts import DrawnPart, parts_of
from attrieve.data.synthetic.regions import attribute_regions
from attrieve.errors import ConfigurationError, InputError
from attrieve.schema import load_vocabulary
from data.synthetic.test_image import FEET, HEAD, LEGS, NAMES, TRUNK, VIEWS, labels

SIZE = {"height_px": 256, "width_px": 128}


def region(name: str, *more: str, seed: int, without: tuple[str, ...] = ()) -> np.ndarray:
    found: np.ndarray = attribute_regions(labels(name, *more, without=without), seed=seed, difficulty=0.0)
    return found[NAMES.index(name)]


@pytest.mark.parametrize("seed", VIEWS)
@pytest.mark.parametrize(
    "name", ["accessoryHat", "accessoryMuffler", "accessoryHairBand", "accessoryKerchief"]
)
def test_a_region_is_where_the_picture_changes(name: str, seed: int) -> None:
    """Of what is drawn on top of all else, the region is the difference of two pictures, edges aside."""
    with_it, without = (
        draw_image(values, seed=seed, difficulty=0.0).astype(int) for values in (labels(name), labels())
    )
    differs = np.abs(with_it - without).max(axis=2) > 12
    found = region(name, seed=seed)
    assert found.any()
    assert (found & differs).sum() > 0.7 * found.sum()
    assert (found & differs).sum() > 0.7 * differs.sum()


BANDS = [
    ("accessoryHat", HEAD),
    ("hairShort", HEAD),
    ("upperBodyCasual", (0.12, 0.62)),
    ("carryingBackpack", (0.15, 0.6)),
    ("lowerBodyTrousers", (0.4, 1.0)),
    ("lowerBodyJeans", (0.4, 1.0)),
    ("footwearShoes", FEET),
    ("carryingPlasticBags", (0.35, 0.85)),
]


@pytest.mark.parametrize("seed", VIEWS)
@pytest.mark.parametrize(("name", "band"), BANDS)
def test_regions_lie_where_they_belong(name: str, band: tuple[float, float], seed: int) -> None:
    """Between the heights of head, trunk, legs and feet."""
    without = ("lowerBodyTrousers",) if name == "lowerBodyJeans" else ()
    rows = np.flatnonzero(region(name, seed=seed, without=without).any(axis=1)) / 256
    assert len(rows)
    assert rows.min() >= band[0] - 0.02
    assert rows.max() <= band[1] + 0.02


def test_what_is_hidden_has_no_region() -> None:
    """Sunglasses from behind leave two short bars; a bag in front takes pixels from the trunk."""
    back, front = VIEWS[:2]
    assert (
        region("accessorySunglasses", seed=back).sum() < 0.2 * region("accessorySunglasses", seed=front).sum()
    )
    values = labels("carryingBackpack")
    regions = attribute_regions(values, seed=back, difficulty=0.0)
    pack, garment = (regions[NAMES.index(name)] for name in ("carryingBackpack", "upperBodyCasual"))
    assert (pack & garment).sum() < 0.05 * pack.sum()  # pixels that are half the one, half the other
    assert garment.sum() < region("upperBodyCasual", seed=back).sum()
    rows = slice(int(TRUNK[0] * 256), int(TRUNK[1] * 256))
    assert pack[rows].sum() > 0.5 * pack.sum()


def test_bare_legs_belong_to_shorts() -> None:
    """They are seen by what they leave bare; trousers cover it."""
    shorts = region("lowerBodyShorts", seed=2, without=("lowerBodyTrousers",))
    rows = slice(int(LEGS[0] * 256), int(LEGS[1] * 256))
    assert shorts[rows].sum() > 0.5 * region("lowerBodyTrousers", seed=2)[rows].sum()


def test_occluders_hide_what_lies_behind() -> None:
    """About half of the hardest pictures have one, and no region reaches under it."""
    occluded = 0
    for seed in range(30):
        values = labels("carryingBackpack")
        scene = draw_scene(values, seed=seed, size_px=(64, 32), difficulty=1.0, record_parts=True)
        before = (scene.parts() == DrawnPart.OCCLUDER).reshape(64, 2, 32, 2).all(axis=(1, 3))
        regions = attribute_regions(values, seed=seed, height_px=64, width_px=32, difficulty=1.0)
        assert not regions[:, before].any()
        occluded += before.any()
    assert 8 <= occluded <= 22


def test_noting_parts_changes_no_pixel() -> None:
    """The scene is the same whether parts are noted or not."""
    values = labels("lowerBodyJeans", "carryingUmbrella", "upperBodyVNeck", "upperBodyPlaid")
    plain, noted = (
        draw_scene(values, seed=4, size_px=(64, 32), difficulty=1.0, record_parts=record)
        for record in (False, True)
    )
    assert plain.image.tobytes() == noted.image.tobytes()
    with pytest.raises(AssertionError, match="does not record"):
        plain.parts()


def test_every_attribute_has_parts_or_none_on_purpose() -> None:
    """Sex, age and "nothing" alone have no place; no part is left without an attribute but skin and shade."""
    without = {name for name in NAMES if not parts_of(name)}
    assert without == {name for name in NAMES if name.startswith("personal") or name.endswith("Nothing")}
    used = {part for name in load_vocabulary("peta105").names for part in parts_of(name)}
    assert set(DrawnPart) - used == {
        DrawnPart.BACKGROUND,
        DrawnPart.NECK,
        DrawnPart.STICK,
        DrawnPart.OCCLUDER,
    }


def test_values_that_do_not_hold_have_no_region() -> None:
    """Only what the labels say is seen."""
    values = labels("accessoryHat")
    found = attribute_regions(values, seed=3)
    assert not found[values == 0].any()
    assert found.dtype == np.bool_


def test_wrong_arguments_are_refused_as_in_drawing() -> None:
    """The same checks."""
    with pytest.raises(ConfigurationError, match="height_px"):
        attribute_regions(labels(), seed=0, height_px=3)
    with pytest.raises(InputError, match="105"):
        attribute_regions([1, 0], seed=0)
