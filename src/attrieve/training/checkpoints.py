"""Training checkpoints that survive a full disk and load without running code from the file."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO

from attrieve.data.files import write_atomically
from attrieve.errors import CheckpointError

LAST = "last.ckpt"


class SafeCheckpoints(CheckpointIO):
    """Write each checkpoint whole or not at all; read tensors and plain values only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Replace the file at ``path``.

        Raises:
            StorageError: if the disk refuses; the older checkpoint survives.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getbuffer())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint with PyTorch's restricted reader, whatever ``weights_only`` says.

        Raises:
            CheckpointError: if the file is missing, damaged, or holds anything but tensors and values.
        """
        try:
            loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:
            raise CheckpointError(
                f"cannot read training state {path} ({type(error).__name__}: {error}); "
                "remove it to start this run anew"
            ) from error
        return loaded

    def remove_checkpoint(self, path: Any) -> None:
        """Remove the file if it is there."""
        Path(path).unlink(missing_ok=True)
