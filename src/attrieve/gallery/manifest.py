"""``gallery.json``: what a gallery is made of. Replacing it is what commits a change."""

from dataclasses import dataclass
from pathlib import Path

from attrieve.errors import SchemaMismatchError, StorageError
from attrieve.gallery.manifest_file import MANIFEST_NAME, read_document, write_document
from attrieve.schema import AttributeSchema
from attrieve.scoring.fusion import Fusion, Normalisation

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Part:
    """Rows that were written together: ``<name>.rows.jsonl`` and ``<name>.columns.safetensors``.

    Args:
        name: file name without ending.
        count: number of rows.
    """

    name: str
    count: int

    def rows_path(self, folder: Path) -> Path:
        """Return the file with keys and sources."""
        return folder / f"{self.name}.rows.jsonl"

    def columns_path(self, folder: Path) -> Path:
        """Return the file with probabilities and embeddings."""
        return folder / f"{self.name}.columns.safetensors"


@dataclass(frozen=True)
class Manifest:
    """The facts of a gallery.

    Args:
        schema: its vocabulary.
        run_name: of the run that filled it.
        run_fingerprint: of that run's weights and configuration.
        fusion: how its distances are joined unless a search says otherwise.
        parts: in the order they were written.
    """

    schema: AttributeSchema
    run_name: str
    run_fingerprint: str
    fusion: Fusion
    parts: tuple[Part, ...] = ()

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(part.count for part in self.parts)

    def require_run(self, name: str, fingerprint: str, schema: AttributeSchema) -> None:
        """Refuse vectors of another vocabulary or run: their distances would mean nothing together.

        Raises:
            SchemaMismatchError: showing both names and fingerprints.
        """
        self.schema.require_same(schema, here="the gallery", there=f"run {name!r}")
        if self.run_fingerprint != fingerprint:
            raise SchemaMismatchError(
                f"the gallery was filled by run {self.run_name!r} ({self.run_fingerprint}), "
                f"this is run {name!r} ({fingerprint}); their vectors cannot be compared. "
                "Index into a new folder, or use the run that filled this one"
            )

    def write(self, folder: Path) -> None:
        """Put this manifest in the place of the folder's.

        Raises:
            StorageError: if the disk refuses; the old one stays.
        """
        document = {
            "format_version": FORMAT_VERSION,
            "count": self.count,
            "run": {"name": self.run_name, "fingerprint": self.run_fingerprint},
            "fusion": fusion_to_json(self.fusion),
            "parts": [{"name": part.name, "count": part.count} for part in self.parts],
            "schema": self.schema.to_json(),
        }
        write_document(folder, document)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read a folder's manifest.

        Raises:
            InputError: if the folder is no gallery, or one of a newer format.
            StorageError: if the manifest cannot be read.
        """
        return cls._from_json(read_document(folder, FORMAT_VERSION), folder / MANIFEST_NAME)

    @classmethod
    def _from_json(cls, document: dict[str, object], path: Path) -> "Manifest":
        run, fusion, parts = document.get("run"), document.get("fusion"), document.get("parts")
        if not (isinstance(run, dict) and isinstance(fusion, dict) and isinstance(parts, list)):
            raise StorageError(f"{path} lacks run, fusion or parts; it was edited by hand or damaged")
        try:
            return cls(
                AttributeSchema.from_json(document.get("schema")),
                str(run["name"]),
                str(run["fingerprint"]),
                fusion_from_json(fusion),
                tuple(Part(str(part["name"]), int(part["count"])) for part in parts),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{path} has a missing or wrong field: {error}") from error


def fusion_to_json(fusion: Fusion) -> dict[str, object]:
    """Return a fusion as plain JSON values; :func:`fusion_from_json` reads it back."""
    return {
        "attribute_weight": fusion.attribute_weight,
        "embedding_weight": fusion.embedding_weight,
        "normalisation": fusion.normalisation.value,
    }


def fusion_from_json(document: dict[str, object]) -> Fusion:
    """Read a fusion written by :func:`fusion_to_json`."""
    return Fusion(
        attribute_weight=float(str(document["attribute_weight"])),
        embedding_weight=float(str(document["embedding_weight"])),
        normalisation=Normalisation(str(document["normalisation"])),
    )
