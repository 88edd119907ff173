"""Drawn people with known attributes, for tests, documentation and the demo. Nobody is depicted.

>>> values, identity = draw_values(DrawnPeopleConfig(images=2, images_per_person=(1, 1)))
>>> draw_image(values[0], seed=0, height_px=64, width_px=32).dtype
dtype('uint8')
"""

from attrieve.data.synthetic.config import DrawnPeopleConfig, ImageSeeds, image_seeds
from attrieve.data.synthetic.contact_sheet import drawn_contact_sheet
from attrieve.data.synthetic.image import draw_image
from attrieve.data.synthetic.labels import draw_values
from attrieve.data.synthetic.people import draw_people
from attrieve.data.synthetic.peta_layout import write_peta_layout

__all__ = [
    "DrawnPeopleConfig",
    "ImageSeeds",
    "draw_image",
    "draw_people",
    "draw_values",
    "drawn_contact_sheet",
    "image_seeds",
    "write_peta_layout",
]
