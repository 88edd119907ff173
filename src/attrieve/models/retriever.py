"""The parts together: images to attribute probabilities and embeddings, descriptions to embeddings."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from attrieve.errors import ConfigurationError, InputError
from attrieve.models.attribute_head import PooledAttributeHead, TokenAttributeHead
from attrieve.models.backbone import Backbone
from attrieve.models.configuration import HeadKind, LogitNormKind, RetrievalSettings, RetrieverSettings
from attrieve.models.image_embedding import PooledEmbedding, TokenEmbedding
from attrieve.models.logit_norm import LogitNorm
from attrieve.models.pooled_head import (
    HeadOutput,
    PooledHead,
    describe_branches,
    describe_pooled,
    join_heads,
)
from attrieve.models.pooling import MapPooling, require_rows
from attrieve.models.query_side import QuerySide
from attrieve.models.spatial_projection import SpatialProjection
from attrieve.models.transformer import TokenTransformer
from attrieve.models.visual_tokens import VisualTokens
from attrieve.schema import AttributeSchema

RetrieverType = TypeVar("RetrieverType", bound="Retriever")

CROP_SHARE = 0.9
"""Height and width of a crop at test time, as a share of the image's."""


@dataclass(frozen=True)
class RetrieverOutput:
    """What one forward pass gives.

    Args:
        logits: (batch, attribute), or None without recognition.
        embedding: (batch, dim), not normalised, or None without embedding.
        attention: one (batch, head, token, token) per block where asked for; visual tokens first,
            row by row over ``grid``, then one token per attribute.
        grid: rows and columns of the visual tokens; None for the pooled head.
        heads: what each of several heads says, for the losses; empty where there is one.
    """

    logits: Tensor | None
    embedding: Tensor | None
    attention: tuple[Tensor, ...] = ()
    grid: tuple[int, int] | None = None
    heads: tuple[HeadOutput, ...] = ()


@dataclass(frozen=True)
class ImageDescription:
    """What the retriever sees in images.

    Args:
        probability: (batch, attribute) float32 in [0, 1], or None without recognition.
        embedding: (batch, dim) float32 unit vectors, or None without embedding.
    """

    probability: Tensor | None
    embedding: Tensor | None


class Retriever(nn.Module):
    """A whole model: backbone, head, branches and the query side (paper, Figure 2.1).

    Attributes:
        name: for people; the run that trained it.
        settings: every size.
        schema: the vocabulary it speaks.
    """

    def __init__(
        self,
        settings: RetrieverSettings,
        schema: AttributeSchema,
        *,
        name: str = "untrained",
        retrieval: RetrievalSettings | None = None,
        categories: int = 0,
    ) -> None:
        super().__init__()
        self.name = name
        self.settings = settings
        self.schema = schema
        self.backbone = Backbone(settings.backbone)
        self.query = QuerySide(settings, schema, retrieval, categories=categories)
        self.visual_tokens: VisualTokens | None = None
        self.transformer: TokenTransformer | None = None
        self.spatial_projection: SpatialProjection | None = None
        self.pooling: MapPooling | None = None
        self.attribute_head: TokenAttributeHead | PooledAttributeHead | None = None
        self.logit_norm: LogitNorm | None = None
        self.image_embedding: TokenEmbedding | PooledEmbedding | None = None
        self.more_heads = nn.ModuleList()
        if settings.head is HeadKind.TRANSFORMER:
            self._build_transformer_head()
        else:
            self._build_pooled_head()

    def _build_transformer_head(self) -> None:
        sizes = self.settings.transformer
        map_size = self._map_size()
        patch_size = (sizes.patch_height, sizes.patch_width)
        self.visual_tokens = VisualTokens(self.backbone.channels, sizes.dim, map_size, patch_size)
        self.transformer = TokenTransformer(sizes)
        if self.settings.recognises:
            self.attribute_tokens = nn.Parameter(torch.empty(len(self.schema), sizes.dim))
            nn.init.trunc_normal_(self.attribute_tokens, std=0.02)
            self.attribute_head = TokenAttributeHead(len(self.schema), sizes.dim)
            if self.settings.logit_norm is not LogitNormKind.NONE:
                self.logit_norm = LogitNorm(len(self.schema), self.settings.logit_norm)
        if self.settings.embeds:
            self.image_embedding = TokenEmbedding(sizes.dim, self.settings.embedding_dim)

    def _build_pooled_head(self) -> None:
        settings = self.settings
        require_rows(self._map_size()[0], settings.parts)
        first, *more = (
            PooledHead(settings, self.backbone.channels, len(self.schema))
            for _ in range(settings.heads_ensemble)
        )
        for name, part in first.named_children():
            setattr(self, name, part)  # weights keep the names they had before there were several heads
        self.more_heads.extend(more)

    def _map_size(self) -> tuple[int, int]:
        stride = self.backbone.stride
        return -(-self.settings.height_px // stride), -(-self.settings.width_px // stride)

    @property
    def kind(self) -> str:
        """``attributes``, ``embedding`` or ``multi_task``."""
        return self.settings.kind.value

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels that images are resized to."""
        return self.settings.height_px, self.settings.width_px

    @property
    def training_categories(self) -> Tensor:
        """Distinct label vectors seen in training, int8 (category, attribute)."""
        return self.query.training_categories

    @property
    def training_category_counts(self) -> Tensor:
        """Training images of each category, int64 (category,)."""
        return self.query.training_category_counts

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits over settings, schema and weights."""
        digest = hashlib.sha256(self.settings.fingerprint_text().encode())
        digest.update(json.dumps(self.schema.fingerprint).encode())
        for key, tensor in sorted(self.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:16]

    def forward(
        self, images: Float[Tensor, "batch 3 height width"], *, with_attention: bool = False
    ) -> RetrieverOutput:
        """Describe RGB images with values in [0, 1].

        Raises:
            ConfigurationError: if attention is asked of the pooled head, which has none.
        """
        return self.describe_map(self.backbone(images), with_attention=with_attention)

    def describe_map(
        self,
        feature_map: Float[Tensor, "batch channel map_height map_width"],
        *,
        with_attention: bool = False,
    ) -> RetrieverOutput:
        """Describe images by their feature maps: all of :meth:`forward` that comes after the backbone.

        Raises:
            ConfigurationError: if attention is asked of the pooled head, which has none.
        """
        if self.visual_tokens is None or self.transformer is None:
            if with_attention:
                raise ConfigurationError("the pooled head has no attention; use head = 'transformer'")
            return self._describe_pooled(feature_map)
        visual = self.visual_tokens(feature_map)
        count = visual.shape[1]
        tokens = visual
        if self.settings.recognises:
            attribute = self.attribute_tokens.to(visual.dtype).expand(visual.shape[0], -1, -1)
            tokens = torch.cat([visual, attribute], dim=1)
        mixed, attention = self.transformer(tokens, with_weights=with_attention)
        output = describe_branches(self, mixed[:, count:], mixed[:, :count])
        patch = self.visual_tokens.patch_size
        grid = (feature_map.shape[2] // patch[0], feature_map.shape[3] // patch[1])
        return RetrieverOutput(output.logits, output.embedding, tuple(attention), grid)

    def _describe_pooled(self, feature_map: Tensor) -> RetrieverOutput:
        heads = [describe_pooled(head, feature_map) for head in (self, *self.more_heads)]
        if len(heads) == 1:
            return RetrieverOutput(heads[0].logits, heads[0].embedding)
        joined = join_heads(heads)
        return RetrieverOutput(joined.logits, joined.embedding, heads=tuple(heads))

    def prepare(self, images: UInt8[Tensor, "batch height width 3"]) -> Float[Tensor, "batch 3 height width"]:
        """Turn decoded RGB bytes into what :meth:`forward` takes, on the model's device."""
        moved = images.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return moved.to(torch.float32).div_(255).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def embed_images(
        self, images: UInt8[Tensor, "batch height width 3"], *, flip: bool = False, crops: bool = False
    ) -> ImageDescription:
        """Describe decoded RGB images of the model's input size, in evaluation mode.

        Args:
            images: bytes, resized to :attr:`input_size`.
            flip: also look at the mirrored image and average logits and embeddings.
            crops: also look at four crops, from each corner :data:`CROP_SHARE` of height and width, stretched
                to the input size, and average; with ``flip`` at the mirrored ones too.

        Raises:
            InputError: if the images are of another size.
        """
        if tuple(images.shape[1:3]) != self.input_size:
            raise InputError(
                f"expected images of {self.input_size[0]}x{self.input_size[1]} pixels, got "
                f"{images.shape[1]}x{images.shape[2]}; resize them with attrieve.data.images.resize_image"
            )
        was_training = self.training
        self.eval()
        try:
            prepared = self.prepare(images)
            views = [prepared, *(_corner_crops(prepared) if crops else [])]
            outputs = [
                self(view) for whole in views for view in ([whole, whole.flip(3)] if flip else [whole])
            ]
        finally:
            self.train(was_training)
        return ImageDescription(
            _average([o.logits for o in outputs], torch.sigmoid),
            _average([o.embedding for o in outputs], lambda x: functional.normalize(x, dim=-1)),
        )

    def embed_queries(
        self, values: Float[Tensor, "query attribute"]
    ) -> Float[Tensor, "query embedding"] | None:
        """Embed descriptions with values in [0, 1] as unit vectors; None without an embedding branch."""
        return self.query.embed_queries(values)

    def query_side(self) -> QuerySide:
        """Return the small part a gallery keeps a copy of."""
        return self.query

    def describe(self, path: Path | str) -> dict[str, float]:
        """Return the probability of each attribute for one image file.

        Raises:
            ImageError: if the file is not a readable image.
            ConfigurationError: if this retriever does not recognise attributes.
        """
        from attrieve.data.images import decode_image, resize_image

        image = resize_image(decode_image(Path(path)), *self.input_size)
        probability = self.embed_images(torch.from_numpy(image)[None]).probability
        if probability is None:
            raise ConfigurationError(
                f"retriever {self.name!r} embeds only; it has no attribute probabilities"
            )
        return dict(zip(self.schema.names, probability[0].tolist(), strict=True))

    def save_pretrained(self, folder: Path | str) -> None:
        """Write ``model.safetensors`` and ``config.json``; see :mod:`attrieve.models.checkpoint`."""
        from attrieve.models.retriever_checkpoint import save_retriever

        save_retriever(self, Path(folder))

    @classmethod
    def from_pretrained(cls: type[RetrieverType], folder_or_hub_id: Path | str) -> RetrieverType:
        """Load a run folder, or a model of the Hugging Face hub; see :mod:`attrieve.models.checkpoint`."""
        from attrieve.models.retriever_checkpoint import load_retriever

        return load_retriever(cls, folder_or_hub_id)


def _corner_crops(
    images: Float[Tensor, "batch 3 height width"],
) -> list[Float[Tensor, "batch 3 height width"]]:
    height, width = images.shape[2:]
    high, wide = round(CROP_SHARE * height), round(CROP_SHARE * width)
    return [
        functional.interpolate(
            images[:, :, top : top + high, left : left + wide],
            size=(height, width),
            mode="bilinear",
            align_corners=False,
        )
        for top in (0, height - high)
        for left in (0, width - wide)
    ]


def _average(tensors: list[Tensor | None], finish: Callable[[Tensor], Tensor]) -> Tensor | None:
    present = [tensor.float() for tensor in tensors if tensor is not None]
    if not present:
        return None
    return finish(torch.stack(present).mean(dim=0))
