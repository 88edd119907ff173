"""The Lightning module around the pure parts: one device or many by the same code."""

import dataclasses
from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from attrieve.data.augmentation import Mixture, augment, draw_mixture
from attrieve.data.batch import EpochBatches, PersonBatch, RepeatedBatches
from attrieve.data.sampling import WeightedBatches, person_weights
from attrieve.errors import NonFiniteLossError
from attrieve.losses.weighted_sum import LossSum
from attrieve.models.retriever import Retriever, RetrieverOutput
from attrieve.training.averaging import AverageWeights
from attrieve.training.config import Recipe
from attrieve.training.memory import piece_bounds, place_images
from attrieve.training.objective import Objective
from attrieve.training.optimiser import build_optimiser, build_schedule
from attrieve.training.people import PersonImages, TrainingPeople, keep_batch
from attrieve.training.resizing import require_sizes, shrink_pixels, size_in_epoch

_EPOCH_STRIDE = 1_000_003  # keeps the dropout seeds of runs with neighbouring seeds apart


class RetrieverTraining(lightning.LightningModule):
    """Train a retriever by a recipe on persons in memory.

    Everything random is decided by (seed, epoch, step), so a run that starts again at an epoch goes on
    to the result it would have had.

    Args:
        recipe: every setting.
        retriever: to train.
        people: to train on.
        pieces: in how many pieces each batch goes through the network; their gradients are added, so that
            the same images make a step as in one piece.

    Raises:
        ConfigurationError: if the recipe holds image sizes this model cannot look at.
    """

    def __init__(
        self, recipe: Recipe, retriever: Retriever, people: TrainingPeople, *, pieces: int = 1
    ) -> None:
        super().__init__()
        require_sizes(retriever, recipe.training.sizes)
        self.recipe = recipe
        self.retriever = retriever
        self.people = people
        self.pieces = pieces
        self.objective = Objective(
            recipe.loss,
            recipe.model,
            people.schema,
            people.values,
            people.categories,
            seed=recipe.training.seed,
        )
        decay = recipe.training.average_decay
        self.average = AverageWeights(retriever, decay) if decay else None
        self._batches: EpochBatches | None = None
        # of the function alone: a compiled module would save its weights under other names
        self._compiled: Callable[[Tensor], RetrieverOutput] | None = (
            torch.compile(retriever.forward) if recipe.training.compile else None
        )

    @property
    def kept(self) -> Retriever:
        """The model to judge and to save: the average of the weights where the recipe asks for one."""
        return self.retriever if self.average is None else self.average.retriever

    def train_dataloader(self) -> DataLoader[PersonBatch]:
        """Return whole batches, shuffled by (seed, epoch), from wherever the images are held."""
        self._batches = self._order()
        return DataLoader(
            PersonImages(place_images(self.people, self.recipe.training.images_on, self.device)),
            batch_sampler=RepeatedBatches(self._batches, self.pieces),
            collate_fn=keep_batch,  # type: ignore[arg-type]  # the stubs know no __getitems__
            # of its own: a loader draws a seed for workers, and does so at other times when a run goes on
            generator=torch.Generator(),
        )

    def _order(self) -> EpochBatches:
        training, data = self.recipe.training, self.recipe.data
        place: dict[str, int] = {
            "process": self.trainer.global_rank,
            "processes": self.trainer.world_size,
        }
        if data.sampling == "uniform":
            return EpochBatches(len(self.people), training.batch, training.seed, **place)
        weights = person_weights(
            data.sampling,
            self.people.values,
            self.people.category,
            rare_share=data.rare_share,
            largest=data.rare_largest,
        )
        return WeightedBatches(weights, training.batch, training.seed, **place)

    def transfer_batch_to_device(
        self, batch: PersonBatch, device: torch.device, dataloader_idx: int
    ) -> PersonBatch:
        """Move a batch; Lightning does not know its type."""
        return batch.to(device)

    def on_train_epoch_start(self) -> None:
        """Set everything random for this epoch."""
        epoch = self.current_epoch
        if self._batches is not None:
            self._batches.set_epoch(epoch)
        torch.manual_seed(self._seed(epoch))
        self.objective.start_epoch(epoch)

    def training_step(self, batch: PersonBatch, batch_idx: int) -> dict[str, Any]:
        """Augment, mix, describe, and weigh the losses of a batch, or of one piece of it.

        A batch in pieces comes once per piece and is augmented as a whole each time: the same images,
        changed and mixed in the same way, whatever the pieces.
        """
        number, piece = divmod(batch_idx, self.pieces)
        generator = torch.Generator().manual_seed(self._seed(self.current_epoch) + 7 * (number + 1))
        augmentation = self.recipe.augmentation
        shown = shrink_pixels(batch.images, size_in_epoch(self.recipe.training.sizes, self.current_epoch))
        images = self.retriever.prepare(augment(shown, augmentation, generator))
        mixture = None
        if augmentation.mixup_alpha:
            mixture = draw_mixture(len(batch), augmentation.mixup_alpha, generator, images.device)
            images = mixture.mix(images)
        rows = piece_bounds(len(batch), self.pieces, piece)
        loss = self._loss(self._describe(images[rows]), batch, mixture, rows)
        self._log(loss.parts, loss.total)
        weight = self._weight(number, (rows.stop - rows.start) / len(batch))
        return {"loss": weight * loss.total, "total": loss.total.detach(), "parts": loss.parts}

    def _describe(self, images: Tensor) -> RetrieverOutput:
        output: RetrieverOutput = (self._compiled or self.retriever)(images)
        return output

    def _loss(
        self, output: RetrieverOutput, batch: PersonBatch, mixture: Mixture | None, rows: slice
    ) -> LossSum:
        """Weigh the losses of both labels of a mixed image by their shares (Zhang et al. 2018)."""
        own: LossSum = self.objective(output, self.retriever.query, batch.rows(rows))
        if mixture is None:
            return own
        partner = dataclasses.replace(
            batch, values=batch.values[mixture.partner], category=batch.category[mixture.partner]
        )
        other = self.objective(output, self.retriever.query, partner.rows(rows))
        share = mixture.share
        parts = {name: share * part + (1 - share) * other.parts[name] for name, part in own.parts.items()}
        return LossSum(share * own.total + (1 - share) * other.total, parts)

    def _weight(self, number: int, share: float) -> float:
        """Return the factor that makes a step's gradient the mean over all its images.

        Lightning divides by ``accumulate * pieces``, also where an epoch's last step has fewer batches.

        Args:
            number: of the batch in this epoch.
            share: of the batch's images that are in this piece.
        """
        accumulate = self.recipe.training.accumulate
        behind = self._batches_per_epoch() - number // accumulate * accumulate
        return share * self.pieces * accumulate / min(accumulate, behind)

    def _batches_per_epoch(self) -> int:
        return len(self.people) // (self.recipe.training.batch * self.trainer.world_size)

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        """Move the weights, and their average behind them."""
        super().optimizer_step(*arguments, **named)
        if self.average is not None:
            self.average.update(self.retriever, self.trainer.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to replace a good checkpoint by one that cannot be trained on.

        Raises:
            NonFiniteLossError: naming a weight that became NaN or infinite in the last step.
        """
        for name, weight in checkpoint["state_dict"].items():
            if weight.is_floating_point() and not bool(weight.isfinite().all()):
                raise NonFiniteLossError(
                    f"expected finite weights, got NaN or infinite ones in {name!r}; lower the learning rate "
                    "or clip gradients; the checkpoint of the epoch before is unharmed"
                )

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimiser and its schedule, stepped every step."""
        optimiser = build_optimiser(self.recipe.optimiser, self.retriever, self.objective)
        training = self.recipe.training
        schedule = build_schedule(
            self.recipe.optimiser,
            optimiser,
            # an epoch's last batches step, too
            steps_per_epoch=-(-self._batches_per_epoch() // training.accumulate),
            epochs=training.epochs,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _seed(self, epoch: int) -> int:
        return (
            self.recipe.training.seed * _EPOCH_STRIDE
            + epoch * 1009 * (self.trainer.world_size)
            + (self.trainer.global_rank)
        )

    def _log(self, parts: dict[str, Tensor], total: Tensor) -> None:
        self.log_dict({f"loss/{name}": value for name, value in parts.items()})
        self.log("loss/total", total.detach())
