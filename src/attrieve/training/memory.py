"""What fits into a device's memory: images held there, and batches in pieces where a step does not fit."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import nn

from attrieve.data.files import write_atomically
from attrieve.errors import ConfigurationError, TrainingError
from attrieve.training.card import PROVENANCE, read_provenance
from attrieve.training.config import ImagesOn
from attrieve.training.journal import append_line
from attrieve.training.people import TrainingPeople

EVENTS = "events.csv"
_IMAGES_AT_MOST = 0.5  # of the free memory; the rest is for activations
_PIECES = "pieces_per_batch"


def place_images(people: TrainingPeople, where: ImagesOn, device: torch.device) -> TrainingPeople:
    """Return the persons with images and labels on the device, if that is wanted and possible.

    Batches are then gathered there and only positions travel in each step.

    Args:
        people: as decoded, in the main memory or mapped from a file.
        where: ``memory`` leaves them there; ``device`` moves them or refuses; ``auto`` moves them to a GPU
            of whose free memory they take at most half.
        device: that trains.

    Raises:
        ConfigurationError: if the device's free memory is known not to hold them.
    """
    if where == "memory" or device.type == "cpu":
        return people
    free = free_bytes(device)
    wanted = people.images.nbytes
    if free is None and where == "auto":
        return people
    if free is not None and wanted > _IMAGES_AT_MOST * free:
        if where == "auto":
            return people
        raise ConfigurationError(
            f"training.images_on = 'device' needs {wanted:,} bytes for {len(people):,} images and may "
            f"take half of the {free:,} free ones of {device}; use 'auto' or 'memory', or smaller images"
        )
    return dataclasses.replace(
        people,
        images=people.images.to(device),
        values=people.values.to(device),
        category=people.category.to(device),
    )


def free_bytes(device: torch.device) -> int | None:
    """Return the free memory of a GPU; None for a device that does not tell."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


@dataclass(frozen=True)
class Shortage:
    """A training step found too little memory.

    Args:
        epoch: in which it happened.
        step: optimiser steps done before.
        reason: what PyTorch said.
    """

    epoch: int
    step: int
    reason: str


def piece_bounds(count: int, pieces: int, piece: int) -> slice:
    """Return which images of a batch form a piece; pieces differ by one image at most.

    >>> [piece_bounds(5, 2, piece) for piece in (0, 1)]
    [slice(0, 2, None), slice(2, 5, None)]
    """
    return slice(piece * count // pieces, (piece + 1) * count // pieces)


def smallest_piece(network: nn.Module) -> int:
    """Return how many images a piece must have: two where BatchNorm learns its statistics, else one."""
    layers = (module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm))
    return 2 if any(layer.training for layer in layers) else 1


def more_pieces(batch: int, pieces: int, smallest: int, shortage: Shortage) -> int:
    """Return twice the pieces, or as many as there can be.

    Raises:
        TrainingError: if there are as many as there can be already.
    """
    most = max(1, batch // smallest)
    if pieces >= most:
        raise TrainingError(
            f"the device's memory does not hold {smallest} image(s) at once, the fewest this model trains on "
            f"({shortage.reason}); use smaller images, a smaller network, or another device"
        )
    return min(2 * pieces, most)


def recorded_pieces(out: Path) -> int:
    """Return in how many pieces a run takes each batch: 1 unless memory was short before."""
    pieces = (read_provenance(out) or {}).get(_PIECES, 1)
    return pieces if isinstance(pieces, int) and pieces > 0 else 1


def record_pieces(out: Path, pieces: int) -> None:
    """Write the pieces beside where the run started, so that it goes on with them after a kill.

    Raises:
        StorageError: if the disk refuses.
    """
    document = (read_provenance(out) or {}) | {_PIECES: pieces}
    write_atomically(out / PROVENANCE, (json.dumps(document, indent=1) + "\n").encode())


def record_shortage(out: Path, shortage: Shortage, told: str) -> None:
    """Append a line to the run's events."""
    append_line(
        out / EVENTS,
        {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "epoch": str(shortage.epoch),
            "step": str(shortage.step),
            "event": "out of memory",
            "detail": told,
        },
    )
