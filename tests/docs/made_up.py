"""Made-up result records, written where the page generator looks for them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROTOCOLS = ("unique", "categories", "representative_removed", "per_image")
DISTANCES = {
    "attributes": ("attributes",),
    "embedding": ("embedding",),
    "multi-task": ("attributes", "embedding", "fused"),
}


def record(
    row: str,
    seed: int,
    score: float,
    *,
    rank1: float | None = None,
    start: str = "imagenet.safetensors",
    split: str = "paper",
    **more: Any,
) -> dict[str, Any]:
    """A record in which every protocol says the same; unseen queries score 2 points less than seen."""
    kind = next(name for name in ("embedding", "attributes", "multi-task", "") if row.startswith(name))
    first = score if rank1 is None else rank1
    parts = {
        "overall": {"map": score, "rank1": first},
        "seen": {"map": score + 1, "rank1": first},
        "unseen": {"map": score - 1, "rank1": first},
    }
    recipe = {
        "model": {
            "kind": (kind or "multi_task").replace("-", "_"),
            "height_px": 128,
            "width_px": 64,
            "backbone": {"name": row.split("-")[-1]},
        },
        "initialisation": {"weights": start},
        "training": {"epochs": 6},
    }
    return {
        "commit": "0123456789abcdef",
        "machine": {"processor": "Abacus", "cores": 2, "accelerator": None, "torch": "2"},
        "row": row,
        "seed": seed,
        "status": "done",
        "recipe": recipe,
        "data": {"split": split, "train_images": 12140, "test_images": 1181},
        "metrics": {
            "retrieval": {
                protocol: dict.fromkeys(DISTANCES[kind or "multi-task"], parts) for protocol in PROTOCOLS
            }
        },
        **more,
    }


def write(root: Path, content: Mapping[str, Any], *, split: str = "paper", folder: str = "paper-cpu") -> None:
    path = root / folder / split / f"{content['row']}-seed-{content['seed']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


def write_row(root: Path, row: str, scores: Sequence[float], **more: Any) -> None:
    """One record per score, seeds from 0."""
    for seed, score in enumerate(scores):
        split = more.get("split", "paper")
        write(root, record(row, seed, score, **more), split=split)


def line_of(text: str, *starts: str) -> list[str]:
    """The cells of the first table line after each of ``starts`` has been met in turn."""
    lines = iter(text.splitlines())
    found = ""
    for start in starts:
        found = next((line for line in lines if line.startswith(start)), "")
        assert found, f"no line starts with {start!r}"
    return [cell.strip() for cell in found.strip("|").split("|")]
