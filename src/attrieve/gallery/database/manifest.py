"""``gallery.json``, format 2: the models of a gallery and which one is searched."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from attrieve.errors import InputError, SchemaMismatchError, StorageError, UnknownNameError
from attrieve.gallery.manifest_file import MANIFEST_NAME, read_document, write_document
from attrieve.schema import AttributeSchema

if TYPE_CHECKING:  # a gallery can be opened, changed and verified without loading PyTorch
    from attrieve.models.query_side import QuerySide
    from attrieve.models.retriever import Retriever
    from attrieve.scoring.fusion import Fusion

FORMAT_VERSION = 2
QUERY_SIDE_NAME = "query_side"


class ModelState(StrEnum):
    """Whether a model's table can be searched."""

    READY = "ready"
    FILLING = "filling"


@dataclass(frozen=True)
class GalleryModel:
    """A model whose vectors a gallery holds.

    Args:
        name: of the run.
        fingerprint: of its weights and configuration.
        schema: its vocabulary.
        embedding_dim: width of its embeddings, or None if it does not embed.
        recognises: whether it gives attribute probabilities.
        attribute_weight: of the attribute distance, unless a search says otherwise.
        embedding_weight: of the embedding distance, unless a search says otherwise.
        normalisation: how the distances are scaled before they are joined.
        state: ready, or being filled by a re-embedding.
    """

    name: str
    fingerprint: str
    schema: AttributeSchema
    embedding_dim: int | None
    recognises: bool = True
    attribute_weight: float = 0.2
    embedding_weight: float = 1.0
    normalisation: str = "matrix"
    state: ModelState = ModelState.READY

    def __post_init__(self) -> None:
        if not self.fingerprint.isalnum() or not self.fingerprint.isascii():
            raise InputError(
                f"a model's fingerprint is letters and digits, got {self.fingerprint!r}; it names a folder"
            )

    @classmethod
    def of(cls, retriever: "Retriever") -> "GalleryModel":
        """Return how a gallery will remember a retriever."""
        return cls.of_query_side(retriever.query_side(), retriever.name, retriever.fingerprint)

    @classmethod
    def of_query_side(cls, query_side: "QuerySide", name: str, fingerprint: str) -> "GalleryModel":
        """Return how a gallery will remember the model a query side belongs to."""
        retrieval = query_side.retrieval
        settings = query_side.settings
        return cls(
            name,
            fingerprint,
            query_side.schema,
            settings.embedding_dim if settings.embeds else None,
            settings.recognises,
            retrieval.attribute_weight,
            retrieval.embedding_weight,
            str(retrieval.normalisation),
        )

    @property
    def fusion(self) -> "Fusion":
        """How the two distances are joined unless a search says otherwise."""
        from attrieve.scoring.fusion import Fusion, Normalisation

        return Fusion(
            attribute_weight=self.attribute_weight,
            embedding_weight=self.embedding_weight,
            normalisation=Normalisation(self.normalisation),
        )

    @property
    def attributes(self) -> int | None:
        """Number of attribute probabilities of a row, or None."""
        return len(self.schema) if self.recognises else None

    @property
    def table(self) -> str:
        """Name of the table with its vectors."""
        return f"rows-{self.fingerprint}"

    def query_side_path(self, folder: Path) -> Path:
        """Return where the gallery keeps what embeds descriptions as this model does."""
        return folder / QUERY_SIDE_NAME / self.fingerprint

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values; :meth:`from_json` reads them back."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "embedding_dim": self.embedding_dim,
            "recognises": self.recognises,
            "state": self.state.value,
            "fusion": {
                "attribute_weight": self.attribute_weight,
                "embedding_weight": self.embedding_weight,
                "normalisation": self.normalisation,
            },
            "schema": self.schema.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> "GalleryModel":
        """Read what :meth:`to_json` wrote."""
        dim, fusion = document["embedding_dim"], document["fusion"]
        if not isinstance(fusion, dict):
            raise TypeError("fusion is no object")
        return cls(
            str(document["name"]),
            str(document["fingerprint"]),
            AttributeSchema.from_json(document["schema"]),
            None if dim is None else int(str(dim)),
            bool(document["recognises"]),
            float(fusion["attribute_weight"]),
            float(fusion["embedding_weight"]),
            str(fusion["normalisation"]),
            ModelState(str(document["state"])),
        )


@dataclass(frozen=True)
class DatabaseManifest:
    """The facts of a gallery that are not in its tables.

    Args:
        models: whose vectors it holds.
        active: fingerprint of the model it is searched by.
        thumbnails: whether rows may hold little pictures.
    """

    models: tuple[GalleryModel, ...]
    active: str
    thumbnails: bool = False

    @property
    def model(self) -> GalleryModel:
        """The model it is searched by."""
        return self.find(self.active)

    def find(self, fingerprint: str) -> GalleryModel:
        """Return a model of the gallery.

        Raises:
            UnknownNameError: with the fingerprints there are.
        """
        for model in self.models:
            if model.fingerprint == fingerprint:
                return model
        raise UnknownNameError("model", fingerprint, [model.fingerprint for model in self.models])

    def with_model(self, model: GalleryModel, *, active: bool = False) -> "DatabaseManifest":
        """Return a manifest that holds a model, in the place of one of the same fingerprint."""
        others = [other for other in self.models if other.fingerprint != model.fingerprint]
        return replace(self, models=(*others, model), active=model.fingerprint if active else self.active)

    def without_model(self, fingerprint: str) -> "DatabaseManifest":
        """Return a manifest that does not hold a model."""
        return replace(self, models=tuple(m for m in self.models if m.fingerprint != fingerprint))

    def require_model(self, model: GalleryModel) -> None:
        """Refuse vectors of another vocabulary or model than the gallery is searched by.

        Raises:
            SchemaMismatchError: showing both names and fingerprints.
        """
        here = self.model
        here.schema.require_same(model.schema, here="the gallery", there=f"model {model.name!r}")
        if here.fingerprint != model.fingerprint:
            raise SchemaMismatchError(
                f"the gallery holds vectors of model {here.name!r} ({here.fingerprint}), this is model "
                f"{model.name!r} ({model.fingerprint}); their vectors cannot be compared. Re-embed the "
                "gallery, index into a new folder, or use the model that filled this one"
            )

    def write(self, folder: Path) -> None:
        """Put this manifest in the place of the folder's.

        Raises:
            StorageError: if the disk refuses; the old one stays.
        """
        document = {
            "format_version": FORMAT_VERSION,
            "active": self.active,
            "thumbnails": self.thumbnails,
            "models": [model.to_json() for model in self.models],
        }
        write_document(folder, document)

    @classmethod
    def read(cls, folder: Path) -> "DatabaseManifest":
        """Read a folder's manifest.

        Raises:
            InputError: if the folder is no gallery, or one of another format.
            StorageError: if the manifest cannot be read.
        """
        return cls._from_json(read_document(folder, FORMAT_VERSION), folder / MANIFEST_NAME)

    @classmethod
    def _from_json(cls, document: dict[str, object], path: Path) -> "DatabaseManifest":
        models = document.get("models")
        try:
            if not isinstance(models, list):
                raise TypeError("models is no list")
            manifest = cls(
                tuple(GalleryModel.from_json(model) for model in models),
                str(document["active"]),
                bool(document["thumbnails"]),
            )
            if manifest.model.state is not ModelState.READY:
                raise ValueError("the active model is not ready")
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{path} has a missing or wrong field: {error}") from error
        return manifest
