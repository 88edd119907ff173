"""``attrieve gallery synthesize``."""

from pathlib import Path

from cli.gallery_commands import asked, failure, shown


def test_a_drawn_gallery_can_be_looked_at_and_grows(tmp_path: Path) -> None:
    """The same command again adds nothing, more rows are added, another seed is refused."""
    folder = tmp_path / "gallery"
    options = ["--dim", "8", "--seed", "5", "--threads", "1"]
    first = asked("synthesize", folder, "--rows", "40", *options)
    assert (first["added"], first["already_there"]) == (40, 0)
    assert "0 rows drawn, 40 already there" in shown("synthesize", folder, "--rows", "40", *options)
    assert asked("synthesize", folder, "--rows", "50", *options)["added"] == 10
    facts = asked("info", folder)
    assert (facts["rows"], facts["models"][0]["name"]) == (50, "synthetic-seed-5")
    assert asked("verify", folder)["clean"]
    told = failure("synthesize", folder, "--rows", "50", "--dim", "8")
    assert "synthetic-seed-5" in told
    assert "synthetic-seed-0" in told
    failure("synthesize", folder, "--rows", "-1", code=2)
    assert "peta35" in failure("synthesize", folder, "--rows", "1", "--vocabulary", "peta3")
