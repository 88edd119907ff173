"""How much of the embeddings of a gallery lies along how many directions.

The exact search looks along the directions of the largest second moments first; how much that spares depends
on how much they hold, which ``exact_search.py`` and its drawn rows must know of real ones.

Run ``python benchmarks/embedding_directions.py GALLERY``, a gallery made with ``attrieve index``; ``--write``
keeps the shares in ``results/embedding-directions.json``.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from attrieve.gallery.store import Gallery
from measure import machine

RESULT = Path(__file__).parents[1] / "results" / "embedding-directions.json"


def shares(embedding: np.ndarray) -> list[float]:
    """Return how much of the squared length of all rows lies along each direction, largest first."""
    moments = np.linalg.eigvalsh(embedding.T.astype(np.float64) @ embedding.astype(np.float64))[::-1]
    return [float(value) for value in np.maximum(moments, 0) / np.maximum(moments, 0).sum()]


def main(arguments: list[str] | None = None) -> None:
    """Measure, then print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    columns = Gallery.open(options.gallery).columns.compact
    if columns is None or columns.dim is None:
        raise SystemExit(f"{options.gallery} holds no embeddings; index with a model that embeds")
    embedding = np.concatenate([np.asarray(segment.exact_embedding) for segment in columns.segments])
    report = {
        "command": " ".join(["python", *sys.argv]),
        "rows": len(embedding),
        "dim": columns.dim,
        "share": shares(embedding),
        "machine": machine(),
    }
    if options.write:
        RESULT.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    held = np.cumsum(report["share"])
    print(", ".join(f"{count} directions hold {held[count - 1]:.1%}" for count in (8, 16, 32, 64)))


if __name__ == "__main__":
    main()
