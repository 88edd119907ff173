"""All losses of a recipe over one model, with their parts named (paper, Eq. 3.2)."""

import torch
from torch import Tensor, nn

from attrieve.data.batch import PersonBatch
from attrieve.data.combinations import CombinationGenerator
from attrieve.losses.asymmetric import AttributeAsymmetricLoss
from attrieve.losses.attribute_bce import AttributeBinaryCrossEntropy, positive_rates
from attrieve.losses.feedback import feedback_weights
from attrieve.losses.focal import AttributeFocalLoss
from attrieve.losses.group_codes import GroupCodes, encode_groups
from attrieve.losses.modality_alignment import modality_alignment
from attrieve.losses.semantic_margin import SemanticMarginRegulariser
from attrieve.losses.soft_targets import overlap_targets
from attrieve.losses.weighted_sum import LossSum, require_finite, weighted_sum
from attrieve.models.configuration import RetrieverSettings
from attrieve.models.pooled_head import HeadOutput
from attrieve.models.query_side import QuerySide
from attrieve.models.retriever import RetrieverOutput
from attrieve.schema import AttributeSchema
from attrieve.training.config import AttributeLossSettings, LossSettings

PAR = "par"
ALIGNMENT = "ma"
SEMANTIC_MARGIN = "asmr"


class Objective(nn.Module):
    """The loss of one batch: attribute recognition, modality alignment, semantic margin.

    Args:
        settings: weights and variants of the parts.
        model: which branches there are.
        schema: the vocabulary.
        values: training labels, int8 (person, attribute), for the positive rates.
        categories: distinct training label vectors, int8 (category, attribute).
        seed: for the additional attribute combinations.
    """

    categories: Tensor
    extra: Tensor

    def __init__(
        self,
        settings: LossSettings,
        model: RetrieverSettings,
        schema: AttributeSchema,
        values: Tensor,
        categories: Tensor,
        *,
        seed: int,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.schema = schema
        self.epoch = 0
        self.register_buffer("categories", known_bits(categories), persistent=False)
        self.register_buffer("extra", torch.zeros(0, len(schema)), persistent=False)
        self.attribute_loss: AttributeBinaryCrossEntropy | None = None
        self.semantic_margin: SemanticMarginRegulariser | None = None
        self.generator: CombinationGenerator | None = None
        if model.recognises:
            self.attribute_loss = build_attribute_loss(settings.attributes, positive_rates(values))
        if model.embeds:
            self._build_embedding_losses(categories, seed)

    def _build_embedding_losses(self, categories: Tensor, seed: int) -> None:
        margin = self.settings.semantic_margin
        self._codes = encode_groups(categories, self.schema, grouping=margin.grouping)
        self.semantic_margin = SemanticMarginRegulariser(
            self._codes.group_count,
            margin.tau,
            margin.weighting,
            margin.variant,
            block_rows=margin.block_rows,
            sampled_rows=margin.sampled_rows,
        )
        combinations = self.settings.combinations
        if combinations.count:
            self.generator = CombinationGenerator(
                self.schema, categories.numpy(), seed, method=combinations.method
            )

    def start_epoch(self, epoch: int) -> None:
        """Draw the epoch's additional combinations; the same for every process and every restart."""
        self.epoch = epoch
        if self.generator is not None:
            drawn = torch.from_numpy(self.generator.draw(self.settings.combinations.count, epoch))
            self.extra = drawn.to(device=self.categories.device, dtype=torch.float32)
            margin = self.settings.semantic_margin
            everything = torch.cat([self.categories, self.extra]).to(torch.int8).cpu()
            self._codes = encode_groups(everything, self.schema, grouping=margin.grouping)

    def forward(self, output: RetrieverOutput, query: QuerySide, batch: PersonBatch) -> LossSum:
        """Return the weighted sum with its parts; of several heads, the mean of their losses.

        Raises:
            NonFiniteLossError: naming the part that became NaN or infinite.
        """
        per_sample: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        scalars: dict[str, Tensor] = {}
        heads = output.heads or (HeadOutput(output.logits, output.embedding),)
        if self.attribute_loss is not None and output.logits is not None:
            per_sample[PAR] = _mean(
                [self.attribute_loss(h.logits, batch.values) for h in heads if h.logits is not None]
            )
            weights[PAR] = self.settings.attributes.weight
        if self.semantic_margin is not None and output.embedding is not None and query.encoder is not None:
            embedded = query.encoder(torch.cat([self.categories, self.extra]))
            per_sample[ALIGNMENT] = _mean(
                [
                    self._alignment(h.embedding, embedded, batch.category)
                    for h in heads
                    if h.embedding is not None
                ]
            )
            weights[ALIGNMENT] = self.settings.alignment.weight
            scalars[SEMANTIC_MARGIN] = self.semantic_margin(embedded, self._codes_on(embedded.device))
            weights[SEMANTIC_MARGIN] = self.settings.semantic_margin.weight
        scalars |= self._with_feedback(per_sample)
        loss = weighted_sum(scalars, weights)
        require_finite(loss)
        return loss

    def _alignment(self, image: Tensor, embedded: Tensor, category: Tensor) -> Tensor:
        count = len(self.categories)
        alignment = self.settings.alignment
        return modality_alignment(
            image,
            embedded[:count],
            category,
            extra_embedding=embedded[count:] if len(embedded) > count else None,
            scale=alignment.scale,
            margin=alignment.margin,
            soft_target=self._soft_target(category) if alignment.soft_targets else None,
            soft_share=alignment.soft_targets,
        )

    def _soft_target(self, category: Tensor) -> Tensor:
        values = torch.where(self.categories == 0.5, -1, self.categories).to(torch.int8)
        return overlap_targets(values[category], values, temperature=self.settings.alignment.temperature)

    def _codes_on(self, device: torch.device) -> GroupCodes:
        if self._codes.columns.device != device:
            self._codes = self._codes.to(device)
        return self._codes

    def _with_feedback(self, per_sample: dict[str, Tensor]) -> dict[str, Tensor]:
        feedback = self.settings.feedback
        pairs = {PAR: ALIGNMENT, ALIGNMENT: PAR}
        wanted = {"none": (), "ma": (ALIGNMENT,), "par": (PAR,), "both": (PAR, ALIGNMENT)}[feedback.target]
        means = {}
        for name, losses in per_sample.items():
            other = per_sample.get(pairs[name])
            if name in wanted and other is not None and self.epoch >= feedback.warm_up_epochs:
                weight = feedback_weights(
                    other,
                    beta=feedback.beta,
                    lowest=feedback.lowest,
                    highest=feedback.highest,
                    mode=feedback.mode,
                )
                losses = weight * losses
            means[name] = losses.mean()
        return means


def _mean(losses: list[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean(dim=0)


def build_attribute_loss(settings: AttributeLossSettings, rates: Tensor) -> AttributeBinaryCrossEntropy:
    """Return the recognition loss a recipe asks for; ``rates`` as :func:`positive_rates` gives them."""
    weighting, smoothing = settings.weighting, settings.smoothing
    if settings.kind == "focal":
        return AttributeFocalLoss(rates, weighting, gamma=settings.gamma, smoothing=smoothing)
    if settings.kind == "asymmetric":
        return AttributeAsymmetricLoss(
            rates,
            weighting,
            gamma_positive=settings.gamma_positive,
            gamma_negative=settings.gamma_negative,
            clip=settings.clip,
            smoothing=smoothing,
        )
    return AttributeBinaryCrossEntropy(rates, weighting, smoothing=smoothing)


def known_bits(values: Tensor) -> Tensor:
    """Return label vectors as encoder input, float32; unknown becomes one half, between yes and no."""
    return torch.where(values < 0, 0.5, values.to(torch.float32))
