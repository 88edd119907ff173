"""What the test side of a split has in common with its training side.

Retrieval scores on a split whose test persons were seen in training say little about strangers. The
official random partitions of PETA show some 1,100 persons on both sides (58 % of the test images).
"""

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass

from attrieve.data.splits import Split
from attrieve.schema.attributes import AttributeSchema, load_vocabulary
from attrieve.schema.person import PersonSet


@dataclass(frozen=True)
class Overlap:
    """Things that occur on both sides of a split.

    Args:
        shared: how many different ones occur on both sides.
        test_images: test images that show one of them.
        test_share: the same as a share of all test images, in [0, 1].
    """

    shared: int
    test_images: int
    test_share: float


@dataclass(frozen=True)
class LeakReport:
    """Overlaps of one split.

    Args:
        split: its name.
        train_images: number of training images.
        test_images: number of test images.
        images: overlap by key; anything but 0 is a mistake.
        persons: overlap by identity; images without an identity are left out.
        full_vectors: overlap by the values of all attributes.
        short_vectors: overlap by the values of PETA's usual 35 attributes, or None if the data set
            lacks one of them.
    """

    split: str
    train_images: int
    test_images: int
    images: Overlap
    persons: Overlap
    full_vectors: Overlap
    short_vectors: Overlap | None

    def to_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return asdict(self)


def leak_report(split: Split) -> LeakReport:
    """Count images, persons and attribute vectors on both sides of a split.

    Raises nothing; an empty side shares nothing.
    """
    train, test = split.train, split.test
    short = load_vocabulary("peta35")
    known = set(short.names) <= set(train.schema.names) & set(test.schema.names)
    return LeakReport(
        split=split.name,
        train_images=len(train),
        test_images=len(test),
        images=_overlap([p.key for p in train.persons], [p.key for p in test.persons]),
        persons=_overlap([p.identity for p in train.persons], [p.identity for p in test.persons]),
        full_vectors=_overlap([p.values for p in train.persons], [p.values for p in test.persons]),
        short_vectors=_overlap(_vectors(train, short), _vectors(test, short)) if known else None,
    )


def _vectors(persons: PersonSet, schema: AttributeSchema) -> list[bytes]:
    table = persons.values[:, persons.schema.positions_of(schema.names)]
    return [row.tobytes() for row in table]


def _overlap(train: Sequence[Hashable], test: Sequence[Hashable]) -> Overlap:
    shared = (set(train) & set(test)) - {None}
    images = sum(item in shared for item in test)
    return Overlap(len(shared), images, images / len(test) if test else 0.0)
