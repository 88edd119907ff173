"""Chance of one part of a picture never disturbs another."""

from attrieve.data.synthetic.chance import Chance, Part, chances


def test_parts_have_numbers_of_their_own() -> None:
    supplies = chances(7)
    assert len(supplies) == len(Part)
    first = [supply.number() for supply in supplies]
    assert len(set(first)) == len(first)


def test_taking_from_one_part_leaves_the_others_alone() -> None:
    one, other = chances(7), chances(7)
    for _ in range(50):
        one[Part.POSE].number()
    assert one[Part.CAMERA].number() == other[Part.CAMERA].number()


def test_choices_are_within_bounds_for_extreme_numbers() -> None:
    chance = Chance([0.0, 1 - 2**-53])
    assert [chance.choice("abc") for _ in range(2)] == ["a", "c"]


def test_a_spent_supply_starts_over() -> None:
    chance = Chance([0.1, 0.2])
    assert [chance.number() for _ in range(3)] == [0.1, 0.2, 0.1]
