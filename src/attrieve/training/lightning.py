"""The Lightning module around the pure parts: one device or many by the same code."""

import dataclasses
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from attrieve.data.augmentation import Mixture, augment, draw_mixture
from attrieve.data.batch import EpochBatches, PersonBatch
from attrieve.errors import NonFiniteLossError
from attrieve.losses.weighted_sum import LossSum
from attrieve.models.retriever import Retriever, RetrieverOutput
from attrieve.training.averaging import AverageWeights
from attrieve.training.config import Recipe
from attrieve.training.objective import Objective
from attrieve.training.optimiser import build_optimiser, build_schedule
from attrieve.training.people import PersonImages, TrainingPeople, keep_batch

_EPOCH_STRIDE = 1_000_003  # keeps the dropout seeds of runs with neighbouring seeds apart


class RetrieverTraining(lightning.LightningModule):
    """Train a retriever by a recipe on persons in memory.

    Everything random is decided by (seed, epoch, step), so a run that starts again at an epoch goes on
    to the result it would have had.
    """

    def __init__(self, recipe: Recipe, retriever: Retriever, people: TrainingPeople) -> None:
        super().__init__()
        self.recipe = recipe
        self.retriever = retriever
        self.people = people
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

    @property
    def kept(self) -> Retriever:
        """The model to judge and to save: the average of the weights where the recipe asks for one."""
        return self.retriever if self.average is None else self.average.retriever

    def train_dataloader(self) -> DataLoader[PersonBatch]:
        """Return whole batches, shuffled by (seed, epoch)."""
        self._batches = EpochBatches(
            len(self.people),
            self.recipe.training.batch,
            self.recipe.training.seed,
            process=self.trainer.global_rank,
            processes=self.trainer.world_size,
        )
        return DataLoader(
            PersonImages(self.people),
            batch_sampler=self._batches,
            collate_fn=keep_batch,  # type: ignore[arg-type]  # the stubs know no __getitems__
            # of its own: a loader draws a seed for workers, and does so at other times when a run goes on
            generator=torch.Generator(),
        )

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
        """Augment, mix, describe, and weigh the losses."""
        generator = torch.Generator().manual_seed(self._seed(self.current_epoch) + 7 * (batch_idx + 1))
        augmentation = self.recipe.augmentation
        images = self.retriever.prepare(augment(batch.images, augmentation, generator))
        if augmentation.mixup_alpha:
            mixture = draw_mixture(len(batch), augmentation.mixup_alpha, generator, images.device)
            output = self.retriever(mixture.mix(images))
            loss = self._mixed_loss(output, batch, mixture)
        else:
            loss = self.objective(self.retriever(images), self.retriever.query, batch)
        self._log(loss.parts, loss.total)
        return {"loss": loss.total, "parts": loss.parts}

    def _mixed_loss(self, output: RetrieverOutput, batch: PersonBatch, mixture: Mixture) -> LossSum:
        """Weigh the losses of both labels by their shares in the image (Zhang et al. 2018)."""
        partner = dataclasses.replace(
            batch, values=batch.values[mixture.partner], category=batch.category[mixture.partner]
        )
        own = self.objective(output, self.retriever.query, batch)
        other = self.objective(output, self.retriever.query, partner)
        share = mixture.share
        parts = {name: share * part + (1 - share) * other.parts[name] for name, part in own.parts.items()}
        return LossSum(share * own.total + (1 - share) * other.total, parts)

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
        per_process = len(self.people) // (training.batch * self.trainer.world_size)
        schedule = build_schedule(
            self.recipe.optimiser,
            optimiser,
            steps_per_epoch=-(-per_process // training.accumulate),  # an epoch's last batches step, too
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
