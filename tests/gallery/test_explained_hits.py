"""Hits with their crops and maps, and the sheet drawn of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from attrieve.data.decoding import decode_image, resize_image
from attrieve.errors import ConfigurationError, ImageError, InputError, SchemaMismatchError
from attrieve.gallery.explained_hits import explain_hits, require_run_of_gallery
from attrieve.gallery.heat_map_sheet import heat_map_sheet
from attrieve.gallery.ingest import index_images
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.models.configuration import RetrieverKind
from attrieve.models.heat_maps import explain_images
from attrieve.models.retriever import Retriever
from attrieve.schema import Hit, Ranking, parse_query
from gallery.building import small_retriever, small_schema, write_images
from models.tiny import tiny_schema

SCHEMA = small_schema()


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return small_retriever()


@pytest.fixture(scope="module")
def gallery(retriever: Retriever, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("explained")
    index_images(retriever, folder / "g", write_images(folder / "images", 5))
    return Gallery.open(folder / "g")


@pytest.fixture(scope="module")
def ranking(gallery: Gallery) -> Ranking:
    return search(gallery, parse_query("age:young|old, !bag", SCHEMA), top=3)


def test_each_reason_has_the_map_of_its_attribute(retriever: Retriever, ranking: Ranking) -> None:
    """Of "one of these" the attribute that the reason names, for each hit by itself."""
    explained = explain_hits(retriever, ranking.hits)
    assert [one.hit for one in explained] == list(ranking.hits)
    for one in explained:
        image = decode_image(Path(one.hit.source))
        assert np.array_equal(one.image, image)
        pixels = torch.from_numpy(resize_image(image, *retriever.input_size))[None]
        for reason, values in one.told:
            alone = explain_images(retriever, pixels, attributes=[SCHEMA.index_of(reason.attribute)])
            np.testing.assert_allclose(values, alone.values[0, 0].numpy(), rtol=1e-3, atol=1e-4)


def test_the_sheet_has_a_row_per_hit_and_a_column_per_thing_asked(
    retriever: Retriever, ranking: Ranking
) -> None:
    """Cells of 200 pixels: a crop and two maps, or one; every hit adds the height of a cell."""
    explained = explain_hits(retriever, ranking.hits)
    size = (96, 200)
    whole = heat_map_sheet(explained, SCHEMA, "x" * 200, cell_px=size)
    assert whole.width == 12 + 3 * (200 + 12)
    assert heat_map_sheet(explained, SCHEMA, "age", cell_px=size, most_maps=1).width == 520  # for the heading
    one_hit = heat_map_sheet(explained[:1], SCHEMA, "age", cell_px=size)
    assert whole.height - one_hit.height == 2 * (96 + 38 + 12)
    assert heat_map_sheet([], SCHEMA, "nobody").height > 60
    with pytest.raises(InputError, match="48 pixels"):
        heat_map_sheet(explained, SCHEMA, "age", cell_px=(10, 10))


def test_crops_of_any_proportion_are_drawn(retriever: Retriever, ranking: Ranking, tmp_path: Path) -> None:
    """A broad crop, and one pixel."""
    hits = []
    for number, size in enumerate([(90, 20), (1, 1)]):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", size, "teal").save(path)
        hits.append(Hit(number + 1, f"{number}", 0.5, str(path), reasons=ranking.hits[0].reasons))
    explained = explain_hits(retriever, hits)
    assert [one.image.shape[:2] for one in explained] == [(20, 90), (1, 1)]
    assert heat_map_sheet(explained, SCHEMA, "age").height > 2 * 224


def test_another_run_is_refused(retriever: Retriever, gallery: Gallery) -> None:
    """Other weights or another vocabulary than those that filled the gallery."""
    require_run_of_gallery(retriever, gallery.model)
    with pytest.raises(InputError, match="index the gallery with this one"):
        require_run_of_gallery(small_retriever(seed=3), gallery.model)
    with pytest.raises(SchemaMismatchError):
        require_run_of_gallery(small_retriever(schema=tiny_schema()), gallery.model)


def test_what_cannot_be_explained_is_refused(retriever: Retriever, ranking: Ranking) -> None:
    """Images that are gone, hits without reasons, models that embed only."""
    gone = Hit(4, "0" * 16, 1.0, "nowhere/at-all.png", reasons=ranking.hits[0].reasons)
    with pytest.raises(ImageError, match="that of hit 4 cannot be read"):
        explain_hits(retriever, [gone])
    with pytest.raises(ConfigurationError, match="carry no reasons"):
        explain_hits(retriever, [Hit(1, "0" * 16, 1.0, ranking.hits[0].source)])
    with pytest.raises(ConfigurationError, match="embeds only"):
        explain_hits(small_retriever(kind=RetrieverKind.EMBEDDING), ranking.hits)
    assert explain_hits(retriever, []) == ()
