"""``attrieve data describe``: numbers, output and exit codes."""

import json

import pytest
from typer.testing import CliRunner

from attrieve.cli.data import app, describe
from attrieve.errors import DatasetError, UnknownNameError
from reference.peta_files import NAMES, draw_labels, write_prepared

LABELS = draw_labels(60, 12)
ROWS = [row // 2 + 1 for row in range(60)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("data") / "PETA", LABELS, ROWS)


def run(*arguments):
    return CliRunner().invoke(app, ["describe", *map(str, arguments)])


def test_counts_of_a_small_data_set(root):
    """Twelve categories of five images each, four held out."""
    report = describe("peta", root, test_categories=4)
    assert (report["images"], report["persons"], report["partitions"]) == (60, 30, 5)
    assert report["categories"] == {
        "distinct": 12, "of_one_image": 0, "of_several_images": 12, "images_of_several": 60
    }  # fmt: skip
    assert report["split"]["train"]["images"] == 40
    assert report["split"]["test"] == {"images": 20, "persons": 20, "categories": 4}
    assert report["queries"]["test_distinct"] == report["queries"]["test_unseen"] == 4
    assert report["queries"]["test_images_of_unseen"] == 20
    assert report["leaks"]["full_vectors"]["shared"] == 0


@pytest.mark.parametrize(("vocabulary", "width"), [("peta35", 35), ("peta105", 105)])
def test_positives_are_column_sums(root, vocabulary, width):
    """Of all images, of both sides, in the order of the vocabulary."""
    report = describe("peta", root, split="official-0", vocabulary=vocabulary)
    rows = report["positives"]
    assert [row["attribute"] for row in rows] == list(NAMES[:width])
    assert [row["all"] for row in rows] == LABELS[:, :width].sum(axis=0).tolist()
    assert all(row["train"] + row["test"] == row["all"] for row in rows)


def test_json_is_one_document_and_nothing_else(root):
    """The very report of the function."""
    result = run("peta", "--root", root, "--split", "official-1", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == describe("peta", root, split="official-1")


def test_tables_show_the_same_numbers(root):
    """For people."""
    result = run("peta", "--root", root, "--test-categories", "4")
    assert result.exit_code == 0
    for shown in ("60 images of 30 persons", "split paper", "4 of 4", "upperBodyVNeck", "full vectors"):
        assert shown in result.stdout
    assert "upperBodyBlack" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["petta", "--root", "{root}"], "did you mean 'peta'?"),
        (["peta", "--root", "{root}", "--split", "papper"], "did you mean 'paper'"),
        (["peta", "--root", "{root}", "--vocabulary", "peta36"], "peta35"),
        (["peta", "--root", "{root}/none"], "no PETA found"),
        (["peta", "--root", "{root}"], "at least 202"),
    ],
)
def test_failures_exit_with_one_and_speak_on_stderr(root, arguments, told):
    """Nothing on stdout, no traceback."""
    result = run(*(argument.format(root=root) for argument in arguments), "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["peta"], ["peta", "--root", "a", "--colour"], ["peta", "--root", "a", "--test-categories", "0"]],
)
def test_wrong_usage_exits_with_two(arguments):
    """As shells expect."""
    assert run(*arguments).exit_code == 2


def test_the_function_raises_what_the_command_reports(root):
    """Callers get errors, not exit codes."""
    with pytest.raises(UnknownNameError, match="data set 'rap'"):
        describe("rap", root)
    with pytest.raises(DatasetError):
        describe("peta", root)


def test_the_real_data_set_has_the_known_numbers(shared_data):
    """The paper's split."""
    report = describe("peta", shared_data / "peta")
    assert (report["images"], report["persons"]) == (19000, 8699)
    assert report["split"]["train"] == {"images": 12140, "persons": 2718, "categories": 1890}
    assert report["split"]["test"] == {"images": 1181, "persons": 302, "categories": 200}
    assert report["queries"] == {
        "train_distinct": 1287, "test_distinct": 184, "test_unseen": 110, "test_images_of_unseen": 638
    }  # fmt: skip
    positives = {row["attribute"]: row["all"] for row in report["positives"]}
    assert (len(positives), positives["personalMale"], positives["upperBodyVNeck"]) == (35, 10421, 224)
