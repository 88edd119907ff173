"""Many drawn people on one sheet, each with what it shows."""

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from attrieve.data.synthetic.config import DrawnPeopleConfig, image_seeds
from attrieve.data.synthetic.image import draw_image
from attrieve.data.synthetic.labels import draw_values
from attrieve.errors import ConfigurationError
from attrieve.schema import load_vocabulary

_MARGIN_PX = 6
_LINE_PX = 11


def drawn_contact_sheet(
    config: DrawnPeopleConfig, *, columns: int = 8, captions: bool = True, caption_lines: int = 9
) -> Image.Image:
    """Return all ``config.images`` people side by side, captioned with their labels.

    Args:
        config: what to draw.
        columns: pictures per row, at least 1.
        captions: whether to write the labels under each picture.
        caption_lines: lines kept for a caption.

    Raises:
        ConfigurationError: if ``columns`` is below 1.

    >>> drawn_contact_sheet(DrawnPeopleConfig(images=3), columns=2, captions=False).size
    (274, 530)
    """
    if columns < 1:
        raise ConfigurationError(f"columns is at least 1, got {columns}")
    values, identity = draw_values(config)
    rows = -(-config.images // columns)
    across = config.width_px + _MARGIN_PX
    down = config.height_px + _MARGIN_PX + (caption_lines * _LINE_PX if captions else 0)
    sheet = Image.new("RGB", (across * columns + _MARGIN_PX, down * rows + _MARGIN_PX), (255, 255, 255))
    write = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=9.5)
    for index in range(config.images):
        seeds = image_seeds(config.seed, index, int(identity[index]))
        pixels = draw_image(
            values[index],
            seed=seeds.scene,
            person_seed=seeds.person,
            height_px=config.height_px,
            width_px=config.width_px,
            difficulty=config.difficulty,
        )
        left, top = _MARGIN_PX + (index % columns) * across, _MARGIN_PX + (index // columns) * down
        sheet.paste(Image.fromarray(pixels), (left, top))
        if captions:
            lines = textwrap.wrap(caption_of(values[index]), max(8, config.width_px // 5))[:caption_lines]
            write.multiline_text(
                (left, top + config.height_px), "\n".join(lines), (40, 40, 40), font, spacing=1
            )
    return sheet


def caption_of(values: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> str:
    """Return the labels that hold, in short words; those that nearly everyone has are left out."""
    schema = load_vocabulary("peta105")
    usual = {
        "accessoryNothing",
        "carryingNothing",
        "lowerBodyCasual",
        "upperBodyCasual",
        "upperBodyLongSleeve",
    }
    usual |= {"hairShort", "personalFemale"}
    shown = [
        schema.labels[index] for index in np.flatnonzero(values == 1) if schema.names[index] not in usual
    ]
    return ", ".join(shown)
