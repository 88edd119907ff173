"""The page of the paper's tables, from made-up records."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from pages import claims, rows
from pages.intervals import Verdict
from pages.paper import paper_headline, paper_page
from pages.records import Results, start_of

from docs.made_up import line_of, record, write, write_row

PAR, MULTI_TASK = "attributes-mobilenetv2", "multi-task-mobilenetv2"


def read(root: Path) -> Results:
    return Results.read(root, rows.CPU)


def claim(words: str, metric: str = "map") -> claims.Claim:
    return next(one for one in claims.claims(rows.CPU) if one.words == words and one.metric == metric)


def test_without_any_record_the_page_says_so(tmp_path: Path) -> None:
    """Both budgets and the headline; no figure, no number of ours."""
    page = paper_page(tmp_path)
    assert page.text.count("**Not run.**") == 3
    assert page.figures == {}
    assert "±" not in page.text.split("## Budget")[1]
    assert "No result" in paper_headline(tmp_path)


def test_a_row_shows_mean_interval_seeds_and_the_difference_to_the_row_above(tmp_path: Path) -> None:
    """Student's t by hand: three values one apart reach 4.303 / sqrt(3) to each side."""
    write_row(tmp_path, PAR, [19.0, 20.0, 21.0])
    write_row(tmp_path, "embedding-mobilenetv2", [19.5, 20.5, 21.5])
    cells = line_of(paper_page(tmp_path).text, "### Table 4.2, split `paper`", "| MA+ASMR (MobileNetV2)")
    assert cells[1:4] == ["3", "20.5 ± 2.5", "20.5 ± 2.5"]
    assert cells[4:6] == ["+0.5 ± 0.0", "+0.5 ± 0.0"]
    assert cells[6:] == ["20.2 / 20.0", "+0.2 / -0.7"]


def test_the_first_row_of_a_backbone_has_none_above(tmp_path: Path) -> None:
    """A PAR baseline is not compared with the other backbone's multi-task model."""
    write_row(tmp_path, MULTI_TASK, [22.0, 23.0])
    write_row(tmp_path, "attributes-pvtv2-b0", [10.0, 11.0])
    cells = line_of(paper_page(tmp_path).text, "### Table 4.2, split `paper`", "| PAR baseline (PVTv2-b0)")
    assert cells[4:6] == ["", ""]


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    """The number stands by itself, a difference says so, and so does the verdict."""
    write_row(tmp_path, PAR, [20.0])
    write_row(tmp_path, MULTI_TASK, [25.0])
    text = paper_page(tmp_path).text
    assert line_of(text, "### Table 4.2", "| Multi-task transformer (Mob")[1:3] == ["1", "25.0"]
    held = line_of(text, "| The multi-task transformer beats the PAR baseline (MobileNetV2) | mAP")
    assert held[3:5] == ["+5.0 (one seed)", "**one seed, no interval**"]
    assert held[5:] == ["", "**not run**"]


def test_each_split_has_its_own_tables(tmp_path: Path) -> None:
    """Records of one split never leak into the other's table."""
    write_row(tmp_path, PAR, [20.0])
    write_row(tmp_path, PAR, [30.0, 32.0], split="sal")
    text = paper_page(tmp_path).text
    assert line_of(text, "### Table 4.2, split `paper`", "| PAR baseline (MobileNetV2)")[2] == "20.0"
    assert line_of(text, "### Table 4.2, split `sal`", "| PAR baseline (MobileNetV2)")[2].startswith("31.0 ±")


def test_the_multi_task_model_ranks_by_fusion_the_baselines_by_their_branch(tmp_path: Path) -> None:
    """Another distance in the same record is shown under the branches only."""
    made = record(MULTI_TASK, 0, 20.0)
    for by_distance in made["metrics"]["retrieval"].values():
        by_distance["attributes"] = {"overall": {"map": 11.0, "rank1": 12.0}}
    write(tmp_path, made)
    text = paper_page(tmp_path).text
    assert line_of(text, "### Table 4.3, split `paper`", "| Multi-task transformer")[2] == "20.0"
    branches = line_of(text, "### Each branch alone", "| Multi-task transformer")
    assert branches[1:] == ["11.0 / 12.0", "20.0 / 20.0", "20.0 / 20.0"]


def test_protocols_and_seen_and_unseen_queries_stand_apart(tmp_path: Path) -> None:
    """Each cell from its own place in the record; a part without queries is left open."""
    made = record(PAR, 0, 20.0)
    made["metrics"]["retrieval"]["per_image"]["attributes"] = {"overall": {"map": 33.0, "rank1": 44.0}}
    write(tmp_path, made)
    text = paper_page(tmp_path).text
    protocols = line_of(text, "### The same by every protocol", "| PAR baseline (MobileNetV2)")
    assert protocols[1:] == ["20.0 / 20.0", "20.0 / 20.0", "20.0 / 20.0", "33.0 / 44.0"]
    seen = line_of(text, "### Seen and unseen queries", "| PAR baseline (MobileNetV2)")
    assert seen[1:] == ["21.0", "20.0", "19.0", "20.0", "+2.0 (one seed)"]


def test_a_lost_seed_is_told_and_left_out_of_the_mean(tmp_path: Path) -> None:
    """Diverged and failed alike, with their reasons in one line."""
    write_row(tmp_path, PAR, [20.0, 22.0])
    write(tmp_path, {"row": PAR, "seed": 2, "status": "diverged", "reason": "loss is nan\nat | step 3"})
    failed = {"row": MULTI_TASK, "seed": 2, "status": "failed", "reason": "starts from a diverged run"}
    recipe = record(MULTI_TASK, 2, 0.0)["recipe"] | {"initialisation": {"weights": "none", "run": "../gone"}}
    write(tmp_path, failed | {"recipe": recipe, "data": {"split": "paper"}})
    text = paper_page(tmp_path).text
    cells = line_of(text, "### Table 4.2, split `paper`", "| PAR baseline (MobileNetV2)")
    assert cells[1] == "2 (1 lost)"
    assert cells[2].startswith("21.0 ±")
    lost = line_of(text, "### Seeds without a result", f"| `{PAR}`")
    assert lost == [f"`{PAR}`", "`paper`", "2", "diverged", "loss is nan at / step 3"]
    assert line_of(text, "### Seeds without a result", f"| `{MULTI_TASK}`")[3] == "failed"
    assert line_of(text, "### What was run", f"| `{MULTI_TASK}`")[2:] == ["from another run", "6", "0", "0"]


def test_verdicts_follow_the_records(tmp_path: Path) -> None:
    """The same claim confirmed, contradicted and open, by the numbers alone."""
    about = claim("The multi-task transformer beats the PAR baseline (MobileNetV2)")
    write_row(tmp_path, PAR, [20.0, 20.2, 20.1])
    for scores, verdict in (
        ([23.0, 23.1, 23.2], Verdict.CONFIRMED),
        ([18.0, 18.1, 18.2], Verdict.CONTRADICTED),
        ([18.0, 20.1, 24.0], Verdict.UNDECIDED),
    ):
        write_row(tmp_path, MULTI_TASK, scores)
        assert claims.examine(read(tmp_path), about, "paper").verdict is verdict
        assert claims.examine(read(tmp_path), about, "sal").verdict is Verdict.NOT_RUN


def test_all_together_must_beat_every_other_row(tmp_path: Path) -> None:
    """One row that is as good keeps the claim open; the weakest difference is the one shown."""
    about = claim("All together have the best mAP of Table 4.3")
    for family in rows.EXTENDED:
        write_row(tmp_path, f"{family.stem}-mobilenetv2", [22.0, 22.2, 22.1])
    write_row(tmp_path, "multi-task-feedback-both-combinations-mobilenetv2", [24.0, 24.1, 24.2])
    assert claims.examine(read(tmp_path), about, "paper").verdict is Verdict.CONFIRMED
    write_row(tmp_path, "multi-task-feedback-par-mobilenetv2", [23.9, 24.2, 24.1])
    found = claims.examine(read(tmp_path), about, "paper")
    assert found.verdict is Verdict.UNDECIDED
    assert found.difference is not None
    assert found.difference.mean == pytest.approx(1 / 30)


def test_backbones_with_other_starts_are_no_test_of_the_backbone(tmp_path: Path) -> None:
    """From ImageNet against from scratch tells nothing of the backbone, however clear it is."""
    about = "PAR baseline gains by a transformer backbone: PVTv2-b0 against MobileNetV2"
    write_row(tmp_path, PAR, [20.0, 20.2, 20.1])
    write_row(tmp_path, "attributes-pvtv2-b0", [5.0, 5.1, 5.2], start="none")
    assert "**not tested**" in line_of(paper_page(tmp_path).text, f"| {about} | mAP")[4]
    write_row(tmp_path, "attributes-pvtv2-b0", [5.0, 5.1, 5.2])
    assert "**contradicted**" in line_of(paper_page(tmp_path).text, f"| {about} | mAP")[4]


def test_the_papers_own_numbers_bear_out_its_claims() -> None:
    """Every claim that a row is better, or level, holds in the numbers the paper prints, ties included."""
    for one in claims.claims(rows.FULL):
        if one.kind is claims.Kind.LEVEL:
            assert abs(one.paper) < 1.0, one
        else:
            assert one.paper >= 0.0, one
    everything = rows.all_rows(rows.FULL)
    assert len({row.name for row in everything}) == len(everything) == 11


def test_differences_over_queries_need_the_queries_scores(tmp_path: Path) -> None:
    """Records that kept average precision get a second table, others none."""
    write_row(tmp_path, PAR, [20.0, 21.0])
    write_row(tmp_path, MULTI_TASK, [22.0, 23.0])
    assert claims.queries_table(read(tmp_path)) == ""
    for row, distance, level in ((PAR, "attributes", 0.1), (MULTI_TASK, "fused", 0.3)):
        kept = {distance: [level, level, level]}
        write_row(tmp_path, row, [20.0, 21.0], average_precision=kept)
    line = line_of(claims.queries_table(read(tmp_path)), "| Multi-task transformer (MobileNetV2) against PAR")
    assert line[1] == "+20.0 [+20.0, +20.0]"


def test_best_row_and_ablations(tmp_path: Path) -> None:
    """Held against our own reproduction and against the best row; the aim needs intervals apart."""
    paper, best = "multi-task-feedback-both-combinations-mobilenetv2", "best-mobilenetv2"
    write_row(tmp_path, paper, [20.0, 20.2, 20.1])
    write_row(tmp_path, best, [30.0, 30.2, 30.1], rank1=29.0)
    write_row(tmp_path, "ablation-no-flip", [29.0, 29.2, 29.1])
    text = paper_page(tmp_path).text
    cells = line_of(text, "### Beyond the paper", f"| `{best}`")
    assert cells[4:] == [
        f"`{paper}`",
        "+10.0 ± 0.0",
        "+8.9 ± 0.2",
        "1.50",
        "1.3 times: reached; mAP 30 / Rank-1 28: reached",
    ]
    assert line_of(text, "### Ablations", "| `ablation-no-flip`")[4] == "-1.0 ± 0.0"
    assert line_of(paper_headline(tmp_path), "| **Our best recipe**")[2] == "30.1 ± 0.2"
    write_row(tmp_path, best, [20.0, 40.0, 30.0], rank1=27.0)
    aims = line_of(paper_page(tmp_path).text, "### Beyond the paper", f"| `{best}`")[-1]
    assert aims == "1.3 times: reached by the mean, intervals touch; mAP 30 / Rank-1 28: missed"


def test_an_ablation_says_what_it_changes_and_what_other_queries_would(tmp_path: Path) -> None:
    """From the record: the words of its recipe, and the difference of every query."""
    for row, level, about in (("best", 0.5, "all of it"), ("ablation-x", 0.3, "best, but: without x")):
        kept = {"fused": [level, level + 0.1, level - 0.1]}
        for seed in range(2):
            made = record(row, seed, 20.0 + seed, average_precision=kept)
            made["recipe"]["about"] = about
            write(tmp_path, made)
    cells = line_of(paper_page(tmp_path).text, "### Ablations", "| `ablation-x`")
    assert cells[-2:] == ["-20.0 [-20.0, -20.0]", "without x"]


def test_a_row_from_scratch_is_held_against_rows_from_scratch(tmp_path: Path) -> None:
    """Never against ImageNet weights."""
    write_row(tmp_path, "multi-task-feedback-both-combinations-mobilenetv2", [20.0, 20.2])
    write_row(tmp_path, "attributes-pvtv2-b0", [5.0, 5.2], start="none")
    write_row(tmp_path, "best-scratch", [10.0, 10.2], start="none")
    cells = line_of(paper_page(tmp_path).text, "### Beyond the paper", "| `best-scratch`")
    assert cells[4] == "`attributes-pvtv2-b0`"
    assert cells[-1].endswith("mAP 20: missed")


def test_full_budget_takes_the_headline_over(tmp_path: Path) -> None:
    """The paper's own networks come first wherever there are any."""
    write_row(tmp_path, PAR, [18.0, 19.0])
    assert "MobileNetV2" in paper_headline(tmp_path)
    write(tmp_path, record("attributes-resnet50", 0, 21.0), folder="paper")
    headline = paper_headline(tmp_path)
    assert line_of(headline, "| PAR baseline")[1:] == ["1", "21.0", "21.0", "20.0 / 20.7"]
    assert "MobileNetV2" not in headline


def test_start_of_a_second_stage_is_that_of_its_first() -> None:
    """A second stage starts from a run, which started from somewhere."""
    made = record(MULTI_TASK, 0, 20.0, start="none")
    assert start_of(made) == "from scratch"
    first = {"initialisation": {"weights": "weights/mobilenet_v2_imagenet.safetensors"}}
    assert start_of(made | {"first_stage": first}) == "from ImageNet"


def test_the_figure_names_every_row_and_is_the_same_each_time(tmp_path: Path) -> None:
    """Valid SVG without a date, referred to by the text."""
    write_row(tmp_path, PAR, [19.0, 20.0, 21.0])
    page, again = paper_page(tmp_path), paper_page(tmp_path)
    assert page == again
    assert list(page.figures) == ["paper-cpu-rows.svg"]
    svg = page.figures["paper-cpu-rows.svg"]
    words = " ".join(element.text or "" for element in ElementTree.fromstring(svg).iter())
    for row in rows.all_rows(rows.CPU):
        assert row.label in words
    assert "<dc:date>" not in svg
    assert re.findall(r"\]\(figures/([^)]+)\)", page.text) == list(page.figures)


def test_cost_is_averaged_over_the_seeds_that_told_it(tmp_path: Path) -> None:
    """Minutes and images per second; rows without either are left out."""
    write(tmp_path, record(PAR, 0, 20.0, training_seconds=600.0, images_per_second=100.0))
    write(tmp_path, record(PAR, 1, 20.0, training_seconds=1200.0, images_per_second=200.0))
    write(tmp_path, record(MULTI_TASK, 0, 20.0, training_seconds=None, images_per_second=None))
    text = paper_page(tmp_path).text
    assert line_of(text, "### Cost", f"| `{PAR}`")[1:] == ["15", "150"]
    assert f"| `{MULTI_TASK}`" not in text.split("### Cost")[1]
