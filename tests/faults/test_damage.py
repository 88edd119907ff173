"""A gallery with a broken fragment, and one of another model, met by those who use it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from attrieve.cli.gallery import app
from attrieve.errors import SchemaMismatchError
from attrieve.gallery.database.reading import DamagedGalleryWarning, GallerySnapshot
from attrieve.gallery.ingest import index_images
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeSchema, parse_query
from gallery.building import small_retriever, small_schema, write_images

OTHER_WORDS = AttributeSchema("other-words", small_schema().attributes[::-1], small_schema().groups)


def test_a_broken_fragment_is_named_by_verify_and_the_rest_is_searched(tmp_path: Path) -> None:
    """With a warning; its images are indexed again once its rows are dropped."""
    retriever = small_retriever()
    folder = tmp_path / "gallery"
    first, second = write_images(tmp_path / "a", 5), write_images(tmp_path / "b", 4, seed=1)
    index_images(retriever, folder, first)
    kept = set(folder.rglob("data/*.lance"))
    index_images(retriever, folder, second)
    [broken] = set(folder.rglob("data/*.lance")) - kept
    content = bytearray(broken.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    broken.write_bytes(content)
    told = CliRunner().invoke(app, ["verify", str(folder)], env={"COLUMNS": "200"})
    assert told.exit_code == 1
    assert f"fragment 1 of rows-{retriever.fingerprint} (4 rows)" in told.stdout
    (folder / "search").rename(tmp_path / "made-before-the-damage")
    with pytest.warns(DamagedGalleryWarning, match="fragment 1"):
        gallery = Gallery.open(folder)
    ranking = search(gallery, parse_query("hat", gallery.schema), top=20)
    assert sorted(hit.source for hit in ranking.hits) == sorted(str(image) for image in first)
    dropped = CliRunner().invoke(app, ["verify", str(folder), "--drop-damaged", "--yes"])
    assert "4 rows of damaged fragments were deleted" in dropped.stdout
    assert index_images(retriever, folder, [*first, *second]).added == 4
    assert CliRunner().invoke(app, ["verify", str(folder)]).exit_code == 0
    assert len(search(Gallery.open(folder), parse_query("hat", gallery.schema)).hits) == 9


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (small_retriever(seed=1, name="other-run"), ("small-run", "other-run")),
        (small_retriever(schema=OTHER_WORDS), ("small", "other-words")),
    ],
)
def test_another_model_or_vocabulary_is_refused_with_both_names(
    tmp_path: Path, other: object, names: tuple[str, str]
) -> None:
    """Nothing is added."""
    folder = tmp_path / "gallery"
    index_images(small_retriever(), folder, write_images(tmp_path / "a", 2))
    with pytest.raises(SchemaMismatchError, match=f"{names[0]}.*{names[1]}"):
        index_images(other, folder, write_images(tmp_path / "b", 2, seed=1))  # type: ignore[arg-type]
    assert len(GallerySnapshot.open(folder)) == 2
