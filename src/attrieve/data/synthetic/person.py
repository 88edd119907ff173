"""One drawn person: what every part of the drawing needs to know."""

from dataclasses import dataclass

from attrieve.data.synthetic.canvas import Canvas
from attrieve.data.synthetic.chance import Chance, Part, chances
from attrieve.data.synthetic.palette import SKIN, Colour, scaled
from attrieve.data.synthetic.skeleton import Skeleton, pose_person
from attrieve.data.synthetic.traits import Traits


@dataclass(frozen=True)
class DrawnPerson:
    """Traits, joints, skin and chance of one person.

    Args:
        traits: what shall be seen.
        skeleton: how the person stands.
        skin: skin tone.
        look: chance per :class:`Part` that is the person's own: cuts and shades.
        scene: chance per :class:`Part` that is this picture's own.
    """

    traits: Traits
    skeleton: Skeleton
    skin: Colour
    look: tuple[Chance, ...]
    scene: tuple[Chance, ...]


def imagine_person(
    traits: Traits, canvas: Canvas, *, scene_seed: int, person_seed: int, difficulty: float | int
) -> DrawnPerson:
    """Return a person in a pose, ready to be drawn on ``canvas``."""
    look, scene = chances(person_seed), chances(scene_seed)
    body = look[Part.BODY]
    skeleton = pose_person(traits, (canvas.height, canvas.width), body, scene[Part.POSE], difficulty)
    tone = body.number() ** 1.5
    skin = scaled(SKIN[int(tone * len(SKIN))], body.between(0.95, 1.05))
    return DrawnPerson(traits, skeleton, skin, look, scene)
