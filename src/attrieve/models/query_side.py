"""The small part of a retriever that answers queries: what a gallery keeps a copy of."""

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor, nn
from torch.nn import functional

from attrieve.models.attribute_encoder import AttributeEncoder
from attrieve.models.calibration import ModelCalibration
from attrieve.models.configuration import RetrievalSettings, RetrieverSettings
from attrieve.schema import AttributeSchema

Made = TypeVar("Made")


class QuerySide(nn.Module):
    """Schema, attribute encoder, the training categories and the way distances are joined.

    Attributes:
        schema: the vocabulary.
        retrieval: default fusion of the two distances.
        training_categories: distinct label vectors seen in training, int8 (category, attribute).
        training_category_counts: images of each, int64 (category,).
        positive_rate: share of training images showing each attribute, float32 (attribute,).
        calibration: what makes probabilities mean what they say, or None if the model is not calibrated;
            no part of its weights or its fingerprint.
    """

    training_categories: Tensor
    training_category_counts: Tensor
    positive_rate: Tensor

    def __init__(
        self,
        settings: RetrieverSettings,
        schema: AttributeSchema,
        retrieval: RetrievalSettings | None = None,
        *,
        categories: int = 0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.schema = schema
        self.retrieval = retrieval or RetrievalSettings()
        self.calibration: ModelCalibration | None = None
        self._embedded_categories: tuple[object, Tensor, int, Tensor] | None = None
        self._made_of_training: tuple[object, tuple[Tensor, ...], object] | None = None
        self.encoder = (
            AttributeEncoder(len(schema), settings.encoder_hidden, settings.embedding_dim)
            if settings.embeds
            else None
        )
        self.register_buffer("training_categories", torch.zeros(categories, len(schema), dtype=torch.int8))
        self.register_buffer("training_category_counts", torch.zeros(categories, dtype=torch.int64))
        self.register_buffer("positive_rate", torch.full((len(schema),), 0.5))

    def remember_training(
        self,
        categories: Int8[Tensor, "category attribute"],
        counts: Int64[Tensor, " category"],
        positive_rate: Float[Tensor, " attribute"],
    ) -> None:
        """Keep what the training data looked like, for completing partial descriptions."""
        self.training_categories = categories
        self.training_category_counts = counts
        self.positive_rate = positive_rate.float()

    def embed_queries(
        self, values: Float[Tensor, "query attribute"]
    ) -> Float[Tensor, "query embedding"] | None:
        """Embed descriptions with values in [0, 1] as unit vectors; None without an embedding branch."""
        if self.encoder is None:
            return None
        embedded: Tensor = self.encoder(values)
        return functional.normalize(embedded.float(), dim=-1)

    def embed_categories(
        self, values: Float[Tensor, "category attribute"]
    ) -> Float[Tensor, "category embedding"] | None:
        """Embed training categories, once for the same values and weights; None without an embedding branch.

        Without gradients: what is kept belongs to no training step.
        """
        if self.encoder is None:
            return None
        weights = tuple((weight.data_ptr(), weight._version) for weight in self.encoder.parameters())
        kept = self._embedded_categories
        # An inference tensor counts no changes, so nothing could tell whether it is still the same.
        version = -1 if values.is_inference() else values._version
        same = kept is not None and kept[0] == weights and kept[1] is values and 0 <= kept[2] == version
        if kept is None or not same:
            with torch.no_grad():
                embedded = self.embed_queries(values)
            assert embedded is not None  # there is an encoder
            kept = (weights, values, version, embedded)
            self._embedded_categories = kept
        return kept[3]

    def of_training(self, make: Callable[[], Made]) -> Made:
        """Return what is made of the training categories, their counts and rates, made again if they change.

        Args:
            make: always the same function in effect; only one result is kept. Called outside of inference
                mode and without gradients.
        """
        sources = (self.training_categories, self.training_category_counts, self.positive_rate)
        state = tuple((source.data_ptr(), source._version) for source in sources)
        kept = self._made_of_training
        if kept is None or kept[0] != state:
            with torch.inference_mode(False), torch.no_grad():
                kept = (state, sources, make())
            self._made_of_training = kept
        return cast(Made, kept[2])
