"""Every size of a retriever, checked when it is written down."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from attrieve.errors import ConfigurationError


class Strict(BaseModel):
    """Frozen settings; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RetrieverKind(StrEnum):
    """Which branches a retriever has."""

    ATTRIBUTES = "attributes"
    """Attribute recognition alone (the paper's PAR baseline)."""
    EMBEDDING = "embedding"
    """Joint embedding alone (the paper's MA+ASMR baseline)."""
    MULTI_TASK = "multi_task"
    """Both on one backbone."""


class HeadKind(StrEnum):
    """What stands on the backbone's feature map."""

    POOLED = "pooled"
    """Global average pooling and linear layers, as the paper's baselines have it."""
    TRANSFORMER = "transformer"
    """Visual and attribute tokens through transformer blocks (paper, section 3)."""


class PoolingKind(StrEnum):
    """How the pooled head turns a feature map into a vector; see :mod:`attrieve.models.pooling`."""

    AVERAGE = "average"
    """Mean over all positions."""
    GENERALISED_MEAN = "generalised_mean"
    """Mean of powers with a learnt exponent, between mean and maximum."""
    AVERAGE_AND_MAXIMUM = "average_and_maximum"
    """Both, side by side."""


class LogitNormKind(StrEnum):
    """How the logits of an attribute head are normalised; see :mod:`attrieve.models.logit_norm`."""

    NONE = "none"
    ATTRIBUTE = "attribute"
    """Each attribute over the images: batch statistics in training, running ones afterwards."""
    INSTANCE = "instance"
    """Each image over its attributes."""
    BOTH = "both"
    """First the one, then the other."""


class BackboneSettings(Strict):
    """The network that makes a feature map."""

    name: str = "resnet50"
    """resnet18, resnet34, resnet50, resnet101, mobilenetv2, pvtv2-b0 .. pvtv2-b5."""
    last_stride: Annotated[int, Field(ge=1, le=2)] = 1
    """Stride of the last stage of a ResNet or MobileNetV2: 1 doubles the map's height and width."""
    stage: Annotated[int, Field(ge=3, le=4)] = 4
    """Which stage's map to take; 3 gives stride 16. For PVTv2 and ResNet."""
    drop_path: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of residual branches dropped in training, PVTv2 only."""
    frozen_stages: Annotated[int, Field(ge=0, le=4)] = 0
    """How many stages, counted from the image, keep the weights and BatchNorm statistics they start with:
    stage 1 ends at stride 4, each later one at half the resolution. Only sensible with trained weights."""
    freeze_batch_norm: bool = False
    """Keep BatchNorm statistics as they came with the weights; small batches estimate them badly."""


class TransformerSettings(Strict):
    """The transformer over visual and attribute tokens (paper, Table 3.1)."""

    blocks: Annotated[int, Field(ge=1)] = 3
    heads: Annotated[int, Field(ge=1)] = 12
    dim: Annotated[int, Field(ge=1)] = 384
    mlp_ratio: Annotated[float, Field(gt=0)] = 4.0
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    patch_height: Annotated[int, Field(ge=1)] = 2
    patch_width: Annotated[int, Field(ge=1)] = 2

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "TransformerSettings":
        if self.dim % self.heads:
            whole = round(self.dim / self.heads) * self.heads
            raise ConfigurationError(
                f"transformer dim {self.dim} cannot be split over {self.heads} heads "
                f"({self.dim} / {self.heads} is not whole); use {whole}. "
                "The paper's table prints 382, which with 12 heads is a slip for 384."
            )
        return self


class RetrieverSettings(Strict):
    """A whole retriever."""

    kind: RetrieverKind = RetrieverKind.MULTI_TASK
    head: HeadKind = HeadKind.TRANSFORMER
    height_px: Annotated[int, Field(ge=32)] = 256
    width_px: Annotated[int, Field(ge=16)] = 192
    backbone: BackboneSettings = BackboneSettings()
    transformer: TransformerSettings = TransformerSettings()
    embedding_dim: Annotated[int, Field(ge=2)] = 128
    encoder_hidden: Annotated[int, Field(ge=1)] = 512
    """First layer of the attribute encoder; the second has ``embedding_dim`` (paper, Table 3.2)."""
    pooled_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Dropout before the pooled head's linear layer."""
    pooling: PoolingKind = PoolingKind.AVERAGE
    """How the pooled head makes a vector of the feature map."""
    parts: Annotated[int, Field(ge=1)] = 1
    """Horizontal stripes the pooled head pools apart; 1 is the whole map."""
    spatial_projection: bool = False
    """Let the pooled head see the map through several receptive fields before it pools."""
    logit_norm: LogitNormKind = LogitNormKind.NONE
    """How the logits of either attribute head are normalised."""
    heads_ensemble: Annotated[int, Field(ge=1)] = 1
    """Pooled heads side by side on one feature map, trained together and averaged."""

    @model_validator(mode="after")
    def _switches_of_the_pooled_head(self) -> "RetrieverSettings":
        if self.head is HeadKind.POOLED:
            return self
        set_here = sorted(_OF_THE_POOLED_HEAD - _at_default(self))
        if set_here:
            named = " and ".join(f"model.{name}" for name in set_here)
            raise ConfigurationError(
                f"{named} change the pooled head, but model.head is {self.head.value!r}; "
                "set model.head = 'pooled' or leave them at their defaults"
            )
        return self

    @property
    def recognises(self) -> bool:
        """Whether the retriever gives attribute probabilities."""
        return self.kind is not RetrieverKind.EMBEDDING

    @property
    def embeds(self) -> bool:
        """Whether the retriever gives embeddings."""
        return self.kind is not RetrieverKind.ATTRIBUTES

    def fingerprint_text(self) -> str:
        """Return the settings as JSON for fingerprints of models.

        A switch that came later is left out at its default, so that a new switch does not change the
        fingerprint of a model trained before, by which galleries know who filled them.
        """
        later: dict[str, Any] = dict.fromkeys(_at_default(self) - _FIRST_SETTINGS, True)
        later["backbone"] = _at_default(self.backbone) - _FIRST_BACKBONE_SETTINGS
        return self.model_dump_json(exclude=later)


_OF_THE_POOLED_HEAD = {"pooling", "parts", "spatial_projection", "heads_ensemble"}
_FIRST_SETTINGS = {
    *("kind", "head", "height_px", "width_px", "backbone", "transformer"),
    *("embedding_dim", "encoder_hidden", "pooled_dropout"),
}
_FIRST_BACKBONE_SETTINGS = {"name", "last_stride", "stage", "drop_path", "freeze_batch_norm"}


def _at_default(settings: BaseModel) -> set[str]:
    fields = type(settings).model_fields
    return {name for name, field in fields.items() if getattr(settings, name) == field.default}


class RetrievalSettings(Strict):
    """How the two branches' distances are joined when nothing else is asked (paper, "Retrieval")."""

    attribute_weight: Annotated[float, Field(ge=0)] = 0.2
    """The paper's lambda_Ret."""
    embedding_weight: Annotated[float, Field(ge=0)] = 1.0
    normalisation: Literal["matrix", "query", "static"] = "matrix"
    distance: Literal["euclidean", "likelihood"] = "euclidean"
    """How recognition is compared: the paper's Euclidean distance, or the group-structured likelihood, which
    is joined with the embedding by ``embedding_nats``. Evaluation reads this; galleries fuse the
    Euclidean distance unless a search asks for a likelihood."""
    flip: bool = False
    """Evaluation also looks at the mirrored image and averages logits and embeddings."""
    crops: bool = False
    """Evaluation also looks at four crops, from each corner nine tenths of height and width, and averages."""
    embedding_nats: Annotated[float, Field(ge=0)] = 20.0
    """Evidence of one unit of cosine distance, in nats, where the recognition distance is a likelihood;
    chosen on validation categories."""
