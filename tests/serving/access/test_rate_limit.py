"""How often one may ask, compared with a bucket filled drop by drop."""

from hypothesis import given
from hypothesis import strategies as st

from attrieve.serving.access.rate_limit import RateLimit
from serving.state.ledgers import Clock


@given(
    per_minute=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), max_size=120),
)
def test_as_a_bucket_of_tokens(per_minute: int, steps: list[tuple[int, str]]) -> None:
    """Each holds a minute's tokens and is filled evenly; what one takes the other does not miss."""
    clock = Clock(0.0)
    limit = RateLimit(float(per_minute), clock=clock)
    tokens = {"a": float(per_minute), "b": float(per_minute)}
    for step_s, who in steps:
        clock.now_s += step_s
        for name in tokens:
            tokens[name] = min(per_minute, tokens[name] + step_s * per_minute / 60)
        wait_s = limit.take(who)
        if tokens[who] >= 1 - 1e-6:
            assert wait_s == 0
            tokens[who] -= 1
        else:
            assert abs(wait_s - (1 - tokens[who]) * 60 / per_minute) < 1e-6


def test_after_the_wait_there_is_a_token() -> None:
    """What is told is enough, and no less would be."""
    clock = Clock(0.0)
    limit = RateLimit(7.0, clock=clock)
    while (wait_s := limit.take("kim")) == 0:
        pass
    clock.now_s += wait_s - 0.01
    assert limit.take("kim") > 0
    clock.now_s += 0.02
    assert limit.take("kim") == 0
