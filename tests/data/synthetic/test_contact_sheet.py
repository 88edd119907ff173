"""The sheet of drawn people for documents."""

import numpy as np
import pytest

from attrieve.data.synthetic import DrawnPeopleConfig, draw_people, draw_values, drawn_contact_sheet
from attrieve.data.synthetic.contact_sheet import caption_of
from attrieve.errors import ConfigurationError

CONFIG = DrawnPeopleConfig(images=3, height_px=64, width_px=32)


def test_pictures_lie_in_rows_in_their_order() -> None:
    sheet = np.asarray(drawn_contact_sheet(CONFIG, columns=2, captions=False))
    pictures = list(draw_people(CONFIG, workers=1))
    assert sheet.shape == (2 * 70 + 6, 2 * 38 + 6, 3)
    np.testing.assert_array_equal(sheet[6:70, 6:38], pictures[0])
    np.testing.assert_array_equal(sheet[6:70, 44:76], pictures[1])
    np.testing.assert_array_equal(sheet[76:140, 6:38], pictures[2])


def test_captions_take_room_below_each_picture() -> None:
    plain, captioned = (drawn_contact_sheet(CONFIG, captions=captions) for captions in (False, True))
    assert captioned.height > plain.height
    below = np.asarray(captioned)[70:90, 6:38]
    assert (below < 200).any()


def test_caption_names_what_is_seen() -> None:
    values, _ = draw_values(DrawnPeopleConfig(images=30))
    assert any("hat" in caption_of(row) for row in values)
    assert all(caption_of(row) for row in values)


def test_no_columns_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="columns"):
        drawn_contact_sheet(CONFIG, columns=0)
