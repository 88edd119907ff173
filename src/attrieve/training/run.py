"""A whole training run: from a recipe and persons to a complete run folder."""

import gc
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console

from attrieve.data.files import write_atomically
from attrieve.errors import ConfigurationError, TrainingError
from attrieve.losses.attribute_bce import positive_rates
from attrieve.models.checkpoint import WEIGHTS_FILE
from attrieve.models.retriever import Retriever
from attrieve.training.card import write_card, write_provenance
from attrieve.training.checkpoints import LAST, SafeCheckpoints
from attrieve.training.config import Recipe, load_recipe, write_recipe
from attrieve.training.initialisation import initialise
from attrieve.training.journal import Journal, ProgressBar, append_line, drop_lines_from
from attrieve.training.lightning import RetrieverTraining
from attrieve.training.memory import (
    Shortage,
    more_pieces,
    record_pieces,
    record_shortage,
    recorded_pieces,
    smallest_piece,
)
from attrieve.training.people import TrainingPeople
from attrieve.training.precision import chosen_precision
from attrieve.training.resizing import share_of_pixels

JOURNAL = "journal.csv"
RECIPE = "recipe.toml"
VALIDATION = "validation.csv"
_log = logging.getLogger(__name__)

Validate = Callable[[Retriever], Mapping[str, float]]
"""What the caller hands in to judge a model after each epoch; training itself knows no metrics."""


@dataclass(frozen=True)
class Machine:
    """Where to train.

    Args:
        accelerator: ``auto``, ``cpu``, ``gpu``.
        devices: per machine; more than one trains with DDP.
        nodes: machines.
        strategy: a Lightning strategy name; ``auto`` picks DDP where it is needed.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"


def train(
    recipe: Recipe,
    people: TrainingPeople,
    out: Path,
    *,
    machine: Machine | None = None,
    validate: Validate | None = None,
    console: Console | None = None,
    callbacks: Sequence[Callback] = (),
) -> Retriever:
    """Train by a recipe and leave a run folder; go on where an earlier, killed call stopped.

    Where the device's memory does not hold a step, the run goes on from its last checkpoint with each batch
    in twice as many pieces whose gradients are added: the same images make a step. It says so in
    ``events.csv``, in ``provenance.json`` and on the console. BatchNorm then sees pieces.

    Args:
        recipe: every setting.
        people: training persons in the recipe's vocabulary and size.
        out: the run folder; holds ``model.safetensors``, ``config.json``, ``recipe.toml``,
            ``journal.csv``, ``provenance.json``, a model card, TensorBoard events and ``checkpoints/``.
        machine: where to train; one device by default.
        validate: called after each epoch; its numbers go to ``validation.csv``.
        console: where progress is drawn; None draws none.
        callbacks: of Lightning, to watch or stop a run; called before those of the run itself.

    Raises:
        ConfigurationError: if ``out`` holds a run of another recipe.
        NonFiniteLossError: if a loss part becomes NaN or infinite; the last checkpoint survives.
        TrainingError: if the device's memory does not hold the smallest batch the model trains on.
        StorageError: if the disk refuses.
    """
    job = _Job(recipe, people, out, machine or Machine(), validate, console, tuple(callbacks))
    retriever = build_retriever(recipe, people)
    prepare_folder(recipe, out)
    if (out / WEIGHTS_FILE).exists():
        return Retriever.from_pretrained(out)
    pieces = recorded_pieces(out)
    while True:
        done = _fit(job, retriever, pieces)
        if isinstance(done, Retriever):
            return done
        pieces = _take_smaller_pieces(job, retriever, pieces, done)
        del retriever  # its gradients, too
        _free_memory()
        retriever = build_retriever(recipe, people)


@dataclass(frozen=True)
class _Job:
    """What :func:`train` was called with."""

    recipe: Recipe
    people: TrainingPeople
    out: Path
    machine: Machine
    validate: Validate | None
    console: Console | None
    callbacks: tuple[Callback, ...]


def _fit(job: _Job, retriever: Retriever, pieces: int) -> Retriever | Shortage:
    """Train to the end from the last checkpoint, or say that the memory did not suffice."""
    recipe, out = job.recipe, job.out
    last = out / "checkpoints" / LAST
    if not last.exists():
        _start(job, retriever, pieces)
    module = RetrieverTraining(recipe, retriever, job.people, pieces=pieces)
    with _quiet_lightning():
        trainer = _build_trainer(job, pieces)
        try:
            trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        except torch.OutOfMemoryError as error:  # answered behind this block: the error keeps tensors alive
            reason = str(error).partition("\n")[0]
            return Shortage(trainer.current_epoch, trainer.global_step, reason)
    trained = module.kept.to("cpu").eval()
    if trainer.is_global_zero:
        write_card(out, recipe, trained)
        trained.save_pretrained(out)
    return trained


def _start(job: _Job, retriever: Retriever, pieces: int) -> None:
    """Set the weights a run starts from and write down which."""
    start = initialise(retriever, job.recipe.initialisation, beside=job.out)
    _log.info("starting %s: %s", job.recipe.name, start)
    if is_first_process():
        precision = chosen_precision(job.recipe.training.precision, job.machine.accelerator)
        write_provenance(job.out, start=start, people=job.people, precision=precision)
        if pieces > 1:
            record_pieces(job.out, pieces)


def _take_smaller_pieces(job: _Job, retriever: Retriever, pieces: int, shortage: Shortage) -> int:
    """Decide and write down in how many pieces each batch goes on.

    Raises:
        TrainingError: if pieces cannot become smaller, or processes would have to agree on it.
    """
    if job.machine.devices * job.machine.nodes > 1:
        raise TrainingError(
            f"a device ran out of memory in epoch {shortage.epoch} ({shortage.reason}); several processes do "
            "not halve their batches together: use half of training.batch and twice training.accumulate"
        )
    batch = job.recipe.training.batch
    smaller = more_pieces(batch, pieces, smallest_piece(retriever.train()), shortage)
    told = (
        f"out of memory in epoch {shortage.epoch}, step {shortage.step} ({shortage.reason}); going on from "
        f"the last checkpoint with each batch of {batch} in {smaller} pieces, gradients added"
    )
    record_pieces(job.out, smaller)
    record_shortage(job.out, shortage, told)
    _log.warning("%s: %s", job.recipe.name, told)
    if job.console is not None:
        job.console.print(told, style="yellow", highlight=False)
    return smaller


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_first_process() -> bool:
    """Whether this is the one process, of all that train together, that writes and prints."""
    return not getattr(rank_zero_only, "rank", 0)


def build_retriever(recipe: Recipe, people: TrainingPeople) -> Retriever:
    """Return a fresh retriever of the recipe's sizes that remembers the training categories."""
    torch.manual_seed(recipe.training.seed)
    retriever = Retriever(
        recipe.model,
        people.schema,
        name=recipe.name,
        retrieval=recipe.retrieval,
        categories=len(people.categories),
    )
    retriever.query.remember_training(people.categories, people.counts, positive_rates(people.values))
    # the stubs do not know this overload of Module.to
    retriever.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return retriever


def prepare_folder(recipe: Recipe, out: Path) -> None:
    """Write the resolved recipe into the run folder, or check the one that is there.

    Raises:
        ConfigurationError: if the folder holds a run of another recipe.
    """
    path = out / RECIPE
    if not path.exists():
        write_atomically(path, write_recipe(recipe))
        return
    there = load_recipe(path)
    if there != recipe:
        changed = _differences(there.model_dump(), recipe.model_dump())
        raise ConfigurationError(
            f"{out} holds a run of another recipe; it differs in {', '.join(changed)}. "
            "Choose another --out, or remove that folder"
        )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], prefix: str = "") -> list[str]:
    changed = []
    for key, value in here.items():
        if isinstance(value, Mapping):
            changed += _differences(there[key], value, f"{prefix}{key}.")
        elif there[key] != value:
            changed.append(f"{prefix}{key} ({there[key]!r} there, {value!r} here)")
    return changed


def _build_trainer(job: _Job, pieces: int) -> lightning.Trainer:
    recipe, out, machine = job.recipe, job.out, job.machine
    training = recipe.training
    precision = chosen_precision(training.precision, machine.accelerator)
    callbacks: list[Callback] = [
        *job.callbacks,
        Journal(out / JOURNAL, batch=training.batch / pieces),
        ModelCheckpoint(
            dirpath=out / "checkpoints",
            filename=LAST.removesuffix(".ckpt"),
            every_n_epochs=1,
            save_top_k=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
    ]
    if job.console is not None:
        own = recipe.model.height_px, recipe.model.width_px
        shares = [share_of_pixels(training.sizes, epoch, own=own) for epoch in range(training.epochs)]
        per_step = training.batch * training.accumulate
        callbacks.append(ProgressBar(batch=per_step, console=job.console, shares=shares))
    if job.validate is not None:
        callbacks.append(_Validation(out / VALIDATION, job.validate))
    return lightning.Trainer(
        accelerator=machine.accelerator,
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy=machine.strategy,
        precision="bf16-mixed" if precision == "bfloat16" else "32-true",
        max_epochs=training.epochs,
        accumulate_grad_batches=training.accumulate * pieces,
        gradient_clip_val=recipe.optimiser.gradient_clip or None,
        logger=TensorBoardLogger(save_dir=out, name="", version="tensorboard"),
        callbacks=callbacks,
        plugins=[SafeCheckpoints()],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=10,
        default_root_dir=out,
    )


_NOT_APPLICABLE = (
    "does not have many workers",  # batches come from memory, so workers would cost time
    "Checkpoint directory.*exists and is not empty",
    "number of training batches.*smaller than the logging",
    "GPU available but not used",
    "no `val_dataloader`",
    r"module\(s\) in eval mode",  # frozen stages, and the average of the weights
)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's advice and product tips, and leave logging as it was."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for advice in _NOT_APPLICABLE:
            warnings.filterwarnings("ignore", message=f".*{advice}.*")
        for category in (FutureWarning, DeprecationWarning):  # of Lightning's own use of PyTorch
            warnings.filterwarnings("ignore", category=category, module=r"lightning\.")
        try:
            for logger in loggers:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class _Validation(Callback):
    """Judge the model after each epoch with whatever the caller handed in."""

    def __init__(self, path: Path, validate: Validate) -> None:
        self.path = path
        self.validate = validate

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Drop lines of epochs that are about to be done again."""
        if trainer.is_global_zero:
            drop_lines_from(self.path, trainer.global_step)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write one line with the epoch's numbers."""
        if not trainer.is_global_zero or not isinstance(pl_module, RetrieverTraining):
            return
        try:
            numbers = self.validate(pl_module.kept)
        except torch.OutOfMemoryError as error:  # smaller batches in training would not mend it
            raise TrainingError(
                f"the device's memory did not suffice for validation after epoch {trainer.current_epoch} "
                f"({error}); validate in smaller batches"
            ) from error
        line = {"epoch": str(trainer.current_epoch), "step": str(trainer.global_step)}
        append_line(self.path, line | {name: f"{value:.4f}" for name, value in numbers.items()})
        for name, value in numbers.items():
            pl_module.log(f"validation/{name}", value, rank_zero_only=True)
