"""``attrieve gallery build-index``."""

from pathlib import Path

from attrieve.gallery.synthesize import synthesize
from cli.gallery_commands import asked, failure, shown


def test_columns_and_recall_are_told(tmp_path: Path) -> None:
    """The index answers once the gallery is large beside the candidates, and says when it does not."""
    synthesize(tmp_path / "gallery", 2500, threads=1)
    told = asked("build-index", tmp_path / "gallery", "--recall", 3, "--top", 20)
    assert [(one["column"], one["indexed_rows"], one["new_rows"]) for one in told["columns"]] == [
        ("embedding", 2500, 0),
        ("probability", 2500, 0),
    ]
    assert told["recall"]["descriptions"] == 3
    assert told["recall"]["answered_exactly"] == 0
    assert 0.9 <= told["recall"]["mean"] <= 1
    said = shown("build-index", tmp_path / "gallery", "--recall", 2, "--named", 3)
    assert "embedding: 2,500 rows" in said
    assert "2 were answered exactly (the gallery has 2500 rows" in said
    assert "recall" not in shown("build-index", tmp_path / "gallery", "--recall", 0)


def test_what_is_no_gallery_is_refused(tmp_path: Path) -> None:
    assert "no gallery" in failure("build-index", tmp_path)
