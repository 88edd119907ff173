"""An image is the same row whether it is uploaded or indexed, in whatever order."""

from pathlib import Path

import pytest

from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.verify import verify_database
from attrieve.gallery.ingest import index_images
from attrieve.gallery.reembed import reembed_gallery
from attrieve.gallery.rows import content_key
from attrieve.gallery.sources.folder import FolderSource
from gallery.building import small_retriever
from serving.place import make_place, service_over
from serving.routes.uploading import done, files
from serving.uploads.strangers import archive, encoded


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_indexed_already_makes_no_new_row(tmp_path: Path, packed: bool) -> None:
    """Alone or in an archive: told as already there, and nothing of it is kept."""
    place = make_place(tmp_path / "place", rows=4)
    content = place.rows[0].source.path.read_bytes()
    with service_over(place, tmp_path / "state") as (client, service):
        sent = archive({"again.png": content}) if packed else content
        answer = client.post("/api/v1/images", files=files(("again", sent)))
        assert [file["key"] for file in answer.json()["files"]] == [place.keys[0]]
        assert done(client, answer)["result"] == {"added": 0, "already_there": 1, "refused": []}
        assert client.get("/api/v1/gallery").json()["rows"] == 4
        assert not list(service.workshop.kept.files())
        row = client.get(f"/api/v1/persons/{place.keys[0]}").json()
        assert row["source"] == str(place.rows[0].source.path)


def test_what_was_uploaded_is_not_indexed_again(tmp_path: Path) -> None:
    """Its row stands, stays sound, and is described anew by another model."""
    place = make_place(tmp_path / "place", rows=4)
    given = tmp_path / "given"
    given.mkdir()
    pictures = {"a.jpg": encoded("JPEG", comment=b"door"), "b.png": encoded(colour=(1, 2, 3))}
    for name, content in pictures.items():
        (given / name).write_bytes(content)
    with service_over(place, tmp_path / "state") as (client, _):
        answer = client.post("/api/v1/images", files=files(*pictures.items()))
        keys = [file["key"] for file in answer.json()["files"]]
        assert keys == [content_key(content) for content in pictures.values()]
        assert done(client, answer)["result"]["added"] == 2
    summary = index_images(place.retriever, place.gallery, FolderSource(given))
    assert (summary.added, summary.already_there) == (0, 2)
    problems = verify_database(place.gallery, images=True).images
    assert not {problem.key for problem in problems} & set(keys)
    reembedded = reembed_gallery(small_retriever(seed=5), place.gallery, delete_unreadable=True)
    assert reembedded.described == 2 + 2  # of the four that were there one is gone, one a frame of a video
    kept = [row.source.path for row in GallerySnapshot.open(place.gallery).rows(keys)]
    swapped = kept[0].read_bytes()
    kept[1].write_bytes(swapped)
    [problem] = [one for one in verify_database(place.gallery, images=True).images if one.key in keys]
    assert problem.key == keys[1]


def test_the_same_pixels_in_two_files_are_two_rows_of_which_one_can_be_erased(tmp_path: Path) -> None:
    """As when they are indexed; the picture of the other stays."""
    place = make_place(tmp_path / "place", rows=2)
    picture = encoded("JPEG")
    with service_over(place, tmp_path / "state") as (client, service):
        answer = client.post("/api/v1/images", files=files(("a", picture), ("b", picture + b"tail")))
        first, second = (file["key"] for file in answer.json()["files"])
        assert done(client, answer)["result"]["added"] == 2
        done(client, client.delete(f"/api/v1/persons/{first}"))
        [left] = service.workshop.kept.files()
        assert client.get(f"/api/v1/persons/{second}").json()["source"] == str(left)
