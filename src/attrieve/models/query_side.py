"""The small part of a retriever that answers queries: what a gallery keeps a copy of."""

import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor, nn
from torch.nn import functional

from attrieve.models.attribute_encoder import AttributeEncoder
from attrieve.models.calibration import ModelCalibration
from attrieve.models.configuration import RetrievalSettings, RetrieverSettings
from attrieve.schema import AttributeSchema


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
        self._embedded_categories: tuple[object, Tensor, Tensor] | None = None
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
        if kept is None or kept[0] != weights or not torch.equal(kept[1], values):
            with torch.no_grad():
                embedded = self.embed_queries(values)
            assert embedded is not None  # there is an encoder
            kept = (weights, values.clone(), embedded)
            self._embedded_categories = kept
        return kept[2]
