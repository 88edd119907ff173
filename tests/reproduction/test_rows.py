"""The paper's tables as data."""

from attrieve.reproduction.rows import LINES, Budget, baseline_of, paper_score, row_names


def test_twelve_lines_are_eleven_rows() -> None:
    """Six lines per table; the multi-task model with the first backbone stands in both."""
    assert [line.table for line in LINES] == ["4.2"] * 6 + ["4.3"] * 6
    for budget in Budget:
        names = row_names(budget)
        assert len(names) == len(set(names)) == 11
        again = [line.row(budget) for line in LINES]
        assert {name for name in names if again.count(name) == 2} == {LINES[2].row(budget)}
        assert LINES[2].paper == LINES[6].paper


def test_every_row_but_the_baselines_starts_from_its_own_backbones_baseline() -> None:
    """And the baselines, like rows that are not the paper's, from nobody."""
    for budget in Budget:
        for name in row_names(budget):
            start = baseline_of(name, budget)
            backbone = next(
                b for b in ("resnet50", "pvtv2-b2", "mobilenetv2", "pvtv2-b0") if name.endswith(b)
            )
            assert start == (None if name.startswith("attributes-") else f"attributes-{backbone}")
        assert baseline_of("best", budget) is None


def test_the_papers_gain_is_three_points() -> None:
    """23.7 against 20.0, as its summary says; small networks are set beside the large ones' numbers."""
    first, last = (paper_score(LINES[index].row(Budget.CPU), Budget.CPU) for index in (0, -1))
    assert first is not None
    assert last is not None
    assert (round(last.map - first.map, 1), round(last.rank1 - first.rank1, 1)) == (3.7, 2.6)
    assert paper_score("best", Budget.CPU) is None
    assert paper_score("multi-task-resnet50", Budget.CPU) is None
