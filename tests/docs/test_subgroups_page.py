"""The table of errors by subgroup: every number from the record, and none where there is no record."""

from pages.subgroups import subgroups


def interval(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 1.5, "high": mean + 1.5}


def test_a_record_becomes_a_table() -> None:
    """One row per group; what could not be measured is a dash; below, where it comes from."""
    group = {
        "name": "over 60",
        "images": 1061,
        "compared": ["hat", "bag"],
        "missed": interval(30.0),
        "missed_others": interval(20.0),
        "imagined": interval(10.0),
        "imagined_others": interval(9.0),
        "own_missed": interval(70.0),
        "queries": 1,
        "map": None,
        "rank1": None,
    }
    record = {
        "command": "attrieve evaluate RUN",
        "commit": "0123456789abcdef",
        "name": "best",
        "seed": 0,
        "distance": "fused",
        "data": {"split": "paper", "test_images": 2000},
        "traits": [{"trait": "age group", "groups": [group]}],
    }
    lines = subgroups([record]).splitlines()
    assert lines[2] == (
        "| over 60 | 1,061 | 2 | 30.0 [28.5, 31.5] | 20.0 [18.5, 21.5] | 10.0 [8.5, 11.5] | 9.0 [7.5, 10.5] "
        "| 70.0 [68.5, 71.5] | 1 | - | - |"
    )
    assert lines[0].count("|") == lines[2].count("|")
    assert "`attrieve evaluate RUN`" in lines[-1]
    assert "0123456789." in lines[-1]


def test_without_a_record_it_says_so() -> None:
    """No empty table."""
    assert subgroups([]).startswith("**Not run.**")
