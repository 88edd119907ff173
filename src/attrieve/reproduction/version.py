"""Is this the data the paper's numbers speak of?"""

from attrieve.data.peta import PUBLISHED_IMAGES, PetaDataset
from attrieve.data.splits import load_split
from attrieve.errors import DatasetError

SPLIT_COUNTS = {"paper": (12_140, 1_181), "sal": (11_886, 1_435)}
"""Training and test images of the splits whose counts are known."""


def require_known_counts(dataset: PetaDataset, splits: tuple[str, ...]) -> None:
    """Refuse a data set, or a split of it, with other numbers of images than the paper's.

    Raises:
        DatasetError: with the expected and the found numbers.
        UnknownNameError: for an unknown split.
    """
    if len(dataset.persons) != PUBLISHED_IMAGES:
        raise _other_version(f"{PUBLISHED_IMAGES:,} images", f"{len(dataset.persons):,}")
    for name in splits:
        split = load_split(dataset, name)
        found = (len(split.train), len(split.test))
        expected = SPLIT_COUNTS.get(name, found)
        if found != expected:
            raise _other_version(
                f"{expected[0]:,} training and {expected[1]:,} test images in split {name!r}",
                f"{found[0]:,} and {found[1]:,}",
            )


def _other_version(expected: str, found: str) -> DatasetError:
    return DatasetError(
        f"this is another version of PETA: expected {expected}, found {found}. Its numbers could not be set "
        "beside the paper's; get the complete release, or pass --any-data to reproduce on other data"
    )
