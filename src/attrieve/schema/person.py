"""A person image and what is known of the person in it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from attrieve.errors import InputError
from attrieve.schema.attributes import AttributeSchema


class Value(IntEnum):
    """What is known of one attribute; unknown is never "no"."""

    UNKNOWN = -1
    NO = 0
    YES = 1


@dataclass(frozen=True, order=True)
class ImageSource:
    """Where an image lies: a file, or a member of a zip archive.

    Args:
        path: the image file, or the archive.
        member: name inside the archive; empty for a plain file.
    """

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}!{self.member}" if self.member else str(self.path)


@dataclass(frozen=True)
class Person:
    """One image of one person.

    Args:
        key: unique within its data set or gallery; ties in rankings resolve by it.
        image: where the crop lies.
        values: one :class:`Value` per attribute of the data set's schema, in order.
        identity: the annotator's person number, or None.
        camera: name of the camera or sub-dataset, or None.
        time: when the picture was taken, or None.
    """

    key: str
    image: ImageSource
    values: tuple[int, ...]
    identity: str | None = None
    camera: str | None = None
    time: datetime | None = None


@dataclass(frozen=True)
class PersonSet:
    """Persons of one vocabulary, in a fixed order.

    Raises:
        InputError: if a person has another number of values than the schema has attributes, a value
            is not -1, 0 or 1, or two persons share a key.
    """

    name: str
    schema: AttributeSchema
    persons: tuple[Person, ...]

    def __post_init__(self) -> None:
        width = len(self.schema)
        for person in self.persons:
            if len(person.values) != width:
                raise InputError(
                    f"person {person.key!r} of {self.name!r} has {len(person.values)} values, "
                    f"vocabulary {self.schema.name!r} has {width} attributes"
                )
        if self.persons:
            wrong = np.setdiff1d(self.values, [-1, 0, 1])
            if wrong.size:
                raise InputError(f"values are -1 unknown, 0 no, 1 yes; {self.name!r} holds {wrong.tolist()}")
        if len({person.key for person in self.persons}) != len(self.persons):
            raise InputError(f"two persons of {self.name!r} share a key; keys must be unique")

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def values(self) -> npt.NDArray[np.int8]:
        """All values, shape (person, attribute): 1 yes, 0 no, -1 unknown."""
        table = np.array([person.values for person in self.persons], dtype=np.int8)
        return table.reshape(len(self.persons), len(self.schema))

    def subset(self, indices: npt.ArrayLike) -> "PersonSet":
        """Return the persons at ``indices``, in that order."""
        chosen = np.asarray(indices, dtype=np.int64).tolist()
        return PersonSet(self.name, self.schema, tuple(self.persons[index] for index in chosen))

    def select(self, schema: AttributeSchema) -> "PersonSet":
        """Return the same persons with only the attributes of ``schema``, matched by exact name.

        Raises:
            UnknownNameError: if ``schema`` names an attribute this set lacks.
        """
        columns = self.schema.positions_of(schema.names)
        persons = tuple(
            Person(
                p.key, p.image, tuple(p.values[column] for column in columns), p.identity, p.camera, p.time
            )
            for p in self.persons
        )
        return PersonSet(self.name, schema, persons)
