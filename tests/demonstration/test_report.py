"""The page shows what it is given, and nothing a description says can break it."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from attrieve.demonstration.report import chips, data_uri
from attrieve.schema import ImageSource, Person


def test_of_a_long_description_what_is_wanted_or_wrong_is_shown() -> None:
    marks = [{"label": str(index), "wanted": index < 3, "right": index not in (1, 20)} for index in range(35)]
    assert [mark["label"] for mark in chips(marks)] == ["0", "1", "2", "20"]


def test_a_short_description_is_shown_whole() -> None:
    marks = [{"label": str(index), "wanted": False, "right": True} for index in range(5)]
    assert chips(marks) == marks


def test_a_picture_is_carried_inside_the_page_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    Image.fromarray(np.zeros((4, 2, 3), dtype=np.uint8)).save(path)
    uri = data_uri(Person("p", ImageSource(path), ()))
    match = re.fullmatch(r"data:image/png;base64,([A-Za-z0-9+/=]+)", uri)
    assert match is not None
    import base64

    assert base64.b64decode(match[1]) == path.read_bytes()
