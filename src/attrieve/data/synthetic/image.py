"""Draw one person from labels."""

import numpy as np
import numpy.typing as npt

from attrieve.data.synthetic.accessories import draw_headwear, draw_muffler
from attrieve.data.synthetic.background import draw_background, draw_ground_shadow
from attrieve.data.synthetic.bags import (
    bag_colours,
    draw_backpack,
    draw_backpack_behind,
    draw_behind_person,
    draw_in_hands,
    draw_messenger_bag,
    draw_messenger_strap,
)
from attrieve.data.synthetic.body import draw_bare_legs
from attrieve.data.synthetic.camera import photograph
from attrieve.data.synthetic.canvas import Canvas
from attrieve.data.synthetic.chance import Part, chances
from attrieve.data.synthetic.config import check_picture
from attrieve.data.synthetic.footwear import draw_boots, draw_shoes
from attrieve.data.synthetic.head import draw_hair_behind, draw_head, draw_neck, hair_colour
from attrieve.data.synthetic.lower_garments import draw_lower_garment
from attrieve.data.synthetic.occlusion import draw_occlusion
from attrieve.data.synthetic.parts import DrawnPart
from attrieve.data.synthetic.person import DrawnPerson, imagine_person
from attrieve.data.synthetic.skeleton import View, bent_arms
from attrieve.data.synthetic.traits import read_traits
from attrieve.data.synthetic.upper_garments import cut_upper_garment, draw_arm, draw_upper_garment

SUPERSAMPLING = 2
"""Pictures are drawn this many times larger and averaged down, for smooth edges."""


def draw_image(
    values: npt.ArrayLike,
    *,
    seed: int,
    height_px: int = 256,
    width_px: int = 128,
    difficulty: float | int = 0.5,
    person_seed: int | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw a pedestrian crop that shows what the labels say.

    Viewpoint, pose, background, occlusion and camera come from ``seed``; skin, face, cuts and shades from
    ``person_seed``, so that several pictures can show one person. Some labels are hidden by the viewpoint,
    as in life: a V-neck from behind, sunglasses from behind, a messenger bag on the far side.

    Args:
        values: shape (105,), 1 yes or 0 no, in the order of vocabulary peta105.
        seed: 0 or more; same arguments, same bytes (of one version of this package, Pillow and numpy).
        height_px: 16 to 2048.
        width_px: 16 to 2048.
        difficulty: 0 clean to 1 hard: clutter, occlusion and camera effects.
        person_seed: 0 or more; ``seed`` if None.

    Returns:
        RGB, uint8 of shape (height_px, width_px, 3).

    Raises:
        InputError: for another number of values, or an unknown (-1) or other value.
        ConfigurationError: for a size or difficulty out of range.

    >>> draw_image([0] * 105, seed=1, height_px=64, width_px=32).shape
    (64, 32, 3)
    """
    check_picture(height_px, width_px, difficulty)
    canvas = draw_scene(
        values, seed=seed, size_px=(height_px, width_px), difficulty=difficulty, person_seed=person_seed
    )
    scene = canvas.image.reduce(SUPERSAMPLING)
    return photograph(scene, chances(seed)[Part.CAMERA], difficulty)


def draw_scene(
    values: npt.ArrayLike,
    *,
    seed: int,
    size_px: tuple[int, int],
    difficulty: float | int,
    person_seed: int | None = None,
    record_parts: bool = False,
) -> Canvas:
    """Draw what stands before the camera, ``SUPERSAMPLING`` times larger than the picture.

    Args:
        values: see :func:`draw_image`; so are all others.
        seed: see there.
        size_px: height and width of the picture.
        difficulty: see there.
        person_seed: see there.
        record_parts: see :class:`Canvas`.

    Raises:
        InputError: as :func:`draw_image`.
    """
    traits = read_traits(values)
    size = (size_px[1] * SUPERSAMPLING, size_px[0] * SUPERSAMPLING)
    canvas = Canvas(draw_background(size, seed, difficulty), record_parts=record_parts)
    person = imagine_person(
        traits,
        canvas,
        scene_seed=seed,
        person_seed=seed if person_seed is None else person_seed,
        difficulty=difficulty,
    )
    draw_person(canvas, person)
    with canvas.drawing(DrawnPart.OCCLUDER):
        draw_occlusion(canvas, person.scene[Part.OCCLUSION], difficulty)
    return canvas


def draw_person(canvas: Canvas, person: DrawnPerson) -> None:
    """Draw one person, back to front."""
    skeleton = person.skeleton
    garment = cut_upper_garment(person)
    hair = hair_colour(person)
    backpack, messenger = bag_colours(person)
    draw_ground_shadow(canvas, skeleton)
    draw_behind_person(canvas, person)
    with canvas.drawing(DrawnPart.BACKPACK):
        draw_backpack_behind(canvas, person, backpack)
    with canvas.drawing(DrawnPart.HAIR):
        draw_hair_behind(canvas, person, hair)
    behind, before = _arms_by_depth(person)
    for index in behind:
        draw_arm(canvas, person, garment, index)
    _draw_below_the_waist(canvas, person)
    with canvas.drawing(DrawnPart.NECK):
        draw_neck(canvas, person)
    with canvas.drawing(DrawnPart.TRUNK):
        draw_upper_garment(canvas, person, garment)
    with canvas.drawing(DrawnPart.MESSENGER_BAG):
        draw_messenger_strap(canvas, person, messenger)
    if not skeleton.is_side:
        for index in before:
            draw_arm(canvas, person, garment, index)
    with canvas.drawing(DrawnPart.BACKPACK):
        draw_backpack(canvas, person, backpack)
    draw_head(canvas, person, hair)
    with canvas.drawing(DrawnPart.MUFFLER):
        draw_muffler(canvas, person)
    draw_headwear(canvas, person)
    if skeleton.is_side:
        for index in before:
            draw_arm(canvas, person, garment, index)
    with canvas.drawing(DrawnPart.MESSENGER_BAG):
        draw_messenger_bag(canvas, person, messenger)
    draw_in_hands(canvas, person)


def _arms_by_depth(person: DrawnPerson) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which arms the trunk hides, and which lie over it."""
    if person.skeleton.is_side:
        return (0,), (1,)
    if person.skeleton.view is View.BACK:
        bent = bent_arms(person.traits, is_side=False)
        return tuple(i for i in (0, 1) if bent[i]), tuple(i for i in (0, 1) if not bent[i])
    return (), (0, 1)


def _draw_below_the_waist(canvas: Canvas, person: DrawnPerson) -> None:
    with canvas.drawing(DrawnPart.LEG):
        draw_bare_legs(canvas, person)
    with canvas.drawing(DrawnPart.FOOTWEAR):
        draw_shoes(canvas, person)
    with canvas.drawing(DrawnPart.LOWER):
        draw_lower_garment(canvas, person)
    with canvas.drawing(DrawnPart.FOOTWEAR):
        draw_boots(canvas, person)
