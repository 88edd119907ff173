"""What the report says of three models follows from their numbers."""

import pytest

from attrieve.demonstration.comparison import verdict_sentence
from attrieve.evaluation import PairedDifference, paired_difference


def differences(attributes: float, embedding: float) -> dict[str, PairedDifference]:
    """Paired differences with these means, sure ones."""
    return {
        name: paired_difference([mean - 0.5, mean, mean + 0.5] * 20, [0.0] * 60)
        for name, mean in (("attributes", attributes), ("embedding", embedding))
    }


@pytest.mark.parametrize(
    ("attributes", "embedding", "opening"),
    [
        (2.0, 5.0, "is ahead of both baselines"),
        (-2.0, -5.0, "does not beat either baseline"),
        (2.0, -5.0, "beats the attributes baseline but not the embedding baseline"),
        (-2.0, 5.0, "beats the embedding baseline but not the attributes baseline"),
        (0.0, 0.0, "does not beat either baseline"),
    ],
)
def test_the_sentence_says_which_baselines_are_beaten(
    attributes: float, embedding: float, opening: str
) -> None:
    baselines = {"attributes": 20 - attributes, "embedding": 20 - embedding}
    sentence = verdict_sentence(20.0, baselines, differences(attributes, embedding), 2.0)
    assert opening in sentence
    assert "mAP 20.0, 10 times a random ranking (2.0)" in sentence


def test_a_lead_that_may_be_chance_is_called_so() -> None:
    unsure = {name: paired_difference([-5.0, 7.0], [0.0, 0.0]) for name in ("attributes", "embedding")}
    sentence = verdict_sentence(20.0, {"attributes": 19.0, "embedding": 19.0}, unsure, 2.0)
    assert "ahead of both" in sentence
    assert sentence.count("does not exclude zero") == 2


def test_a_sure_lead_carries_no_doubt() -> None:
    sentence = verdict_sentence(20.0, {"attributes": 18.0, "embedding": 15.0}, differences(2.0, 5.0), 2.0)
    assert "does not exclude zero" not in sentence
    assert "attributes baseline 18.0 (fused +2.0" in sentence
