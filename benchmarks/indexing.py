"""Images a second that indexing reaches, against the bare model on tensors in memory, by kind of source.

    python benchmarks/indexing.py [--images N] [--rounds N] [--backbone NAME] [--size 256x128] [--batch N]
        [--workers N] [--threads N] [--device NAME] [--kinds folder,zip,...] [--json] [--write]

The bare model describes the same pictures, decoded, resized and stacked beforehand, batch by batch; that
is the most any indexing can reach. Then the pipeline indexes them out of JPEG files in a folder, a list, a
zip and a tar archive, WebDataset shards and a Hugging Face data set, everything included: reading, hashing,
decoding, resizing, quality measures, describing, and commits into a gallery folder. All take turns in every
round; a ratio is that of the medians. The pictures are drawn people; the weights are random, which costs as
much as trained ones. Also told: what a run over a full gallery costs, which only reads and hashes.

On a machine without an accelerator decoding and model share the processor, so the ratio cannot exceed
model / (model + reading) in seconds of one core; "reading_cpu_ms" says what reading an image takes.
"""

import argparse
import io
import json
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from attrieve.data.archives import ArchiveHandles
from attrieve.data.files import write_atomically
from attrieve.data.synthetic import DrawnPeopleConfig, draw_people
from attrieve.errors import ConfigurationError
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.pipeline import PipelineSettings, run_pipeline
from attrieve.gallery.reading import ReadingSettings, read_image
from attrieve.gallery.row_writers import DatabaseRowWriter
from attrieve.gallery.sources import Source, open_source
from attrieve.models.configuration import BackboneSettings, HeadKind, RetrieverKind, RetrieverSettings
from attrieve.models.retriever import Retriever
from attrieve.schema import load_vocabulary
from measure import machine

AIM = 0.95
KINDS = ("folder", "list", "zip", "tar", "webdataset", "hf")
RESULT = Path(__file__).parent.parent / "results" / "benchmark-indexing.json"


@dataclass(frozen=True)
class Setting:
    """What is measured, as given on the command line."""

    images: int
    rounds: int
    backbone: str
    height_px: int
    width_px: int
    batch: int
    workers: int
    device: str


def build_retriever(setting: Setting) -> Retriever:
    """Return a model with random weights and both branches."""
    torch.manual_seed(0)
    settings = RetrieverSettings(
        kind=RetrieverKind.MULTI_TASK,
        head=HeadKind.POOLED,
        height_px=setting.height_px,
        width_px=setting.width_px,
        backbone=BackboneSettings(name=setting.backbone),
    )
    retriever = Retriever(settings, load_vocabulary("peta35"), name="random").eval()
    return retriever.to(setting.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def draw_files(count: int) -> dict[str, bytes]:
    """Draw people and encode them as JPEG files of PETA's usual size."""
    pictures = draw_people(DrawnPeopleConfig(images=count, height_px=160, width_px=80), workers=1)
    files = {}
    for index, pixels in enumerate(pictures):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
        files[f"{index:06d}.jpg"] = buffer.getvalue()
    return files


def write_sources(folder: Path, files: dict[str, bytes]) -> dict[str, str]:
    """Write the files in every wrapping and return how each is named to ``open_source``."""
    (folder / "in").mkdir()
    for name, content in files.items():
        (folder / "in" / name).write_bytes(content)
    (folder / "list.csv").write_text("path\n" + "".join(f"in/{name}\n" for name in files), "utf-8")
    with zipfile.ZipFile(folder / "crops.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    for target in ("crops.tar", "shard-0.tar"):
        with tarfile.open(folder / target, "w") as packed:
            packed.add(folder / "in", ".")
    named = {
        "folder": folder / "in",
        "list": folder / "list.csv",
        "zip": folder / "crops.zip",
        "tar": folder / "crops.tar",
        "webdataset": f"webdataset:{folder}/shard-0.tar",
        "hf": f"hf:{folder}/hf",
    }
    return {kind: str(place) for kind, place in named.items()}


def write_hugging_face(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files as a data set on disk."""
    import datasets

    datasets.disable_progress_bars()
    images = [{"bytes": content, "path": None} for content in files.values()]
    features = datasets.Features(image=datasets.Image())
    datasets.Dataset.from_dict({"image": images}, features=features).save_to_disk(str(folder / "hf"))


def in_memory(source: Source, retriever: Retriever, batch: int) -> tuple[list[torch.Tensor], float]:
    """Return the decoded pictures as batches, and the milliseconds of one core that reading each took."""
    reading = ReadingSettings(retriever.input_size)
    start = time.process_time()
    with ArchiveHandles() as archives:
        pixels = [read_image(item, lambda _: False, archives, reading).pixels for item in source]
    cpu_ms = 1e3 * (time.process_time() - start) / len(pixels)
    whole = torch.from_numpy(np.stack([one for one in pixels if one is not None]))
    return list(whole.split(batch)), cpu_ms


def bare_seconds(retriever: Retriever, batches: list[torch.Tensor]) -> float:
    """Describe pictures that are in memory."""
    start = time.perf_counter()
    described = [retriever.embed_images(batch) for batch in batches]
    for one in described:  # an accelerator is done when its numbers are here
        if one.embedding is not None:
            one.embedding.cpu()
    return time.perf_counter() - start


def index_seconds(retriever: Retriever, text: str, gallery: Path, setting: Setting) -> float:
    """Index a source into a gallery folder."""
    start = time.perf_counter()
    with open_database_writer(
        gallery, model=GalleryModel.of(retriever), query_side=retriever.query_side()
    ) as writer:
        summary = run_pipeline(
            open_source(text),
            retriever.embed_images,
            DatabaseRowWriter(writer),
            ReadingSettings(retriever.input_size),
            PipelineSettings(
                batch=setting.batch,
                workers=setting.workers,
                pin_memory=setting.device.startswith("cuda"),
                stand_back=setting.device == "cpu",
            ),
        )
    if summary.added + summary.already_there != setting.images:
        raise RuntimeError(f"expected {setting.images} images from {text}, got {summary}")
    return time.perf_counter() - start


def measure(setting: Setting, kinds: tuple[str, ...]) -> dict[str, object]:
    """Let the bare model and every kind of source take turns."""
    retriever = build_retriever(setting)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = draw_files(setting.images)
        texts = write_sources(folder, files)
        usable = [kind for kind in kinds if _prepared(kind, folder, files)]
        batches, cpu_ms = in_memory(open_source(texts["folder"]), retriever, setting.batch)
        bare_seconds(retriever, batches[:2])  # libraries choose their kernels once
        bare: list[float] = []
        seconds: dict[str, list[float]] = {kind: [] for kind in usable}
        again: list[float] = []
        for number in range(setting.rounds):
            bare.append(bare_seconds(retriever, batches))
            # Whoever comes first after the bare model shall be another each time.
            first = number * len(usable) // setting.rounds
            for kind in usable[first:] + usable[:first]:
                gallery = folder / f"gallery-{kind}-{number}"
                seconds[kind].append(index_seconds(retriever, texts[kind], gallery, setting))
            full = folder / f"gallery-{usable[0]}-{number}"
            again.append(index_seconds(retriever, texts[usable[0]], full, setting))
    return _figures(setting, bare, seconds, again, cpu_ms)


def _prepared(kind: str, folder: Path, files: dict[str, bytes]) -> bool:
    try:
        if kind == "hf":
            write_hugging_face(folder, files)
        if kind == "webdataset":
            open_source(f"webdataset:{folder}/shard-0.tar")
    except (ImportError, ConfigurationError) as error:
        print(f"{kind} is left out: {error}", file=sys.stderr)
        return False
    return True


def _figures(
    setting: Setting,
    bare: list[float],
    seconds: dict[str, list[float]],
    again: list[float],
    cpu_ms: float,
) -> dict[str, object]:
    best = setting.images / median(bare)
    rates = {kind: setting.images / median(taken) for kind, taken in seconds.items()}
    return {
        "bare_images_per_s": best,
        "reading_cpu_ms": cpu_ms,
        "images_per_s": rates,
        "share_of_bare": {kind: rate / best for kind, rate in rates.items()},
        "already_there_images_per_s": setting.images / median(again),
        "seconds": {"bare": bare, **seconds, "already_there": again},
        "aim_at_least": AIM,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", default="256x128", help="height x width of the model's input")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of " + ", ".join(KINDS))
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name} into results/")
    return parser.parse_args()


def main(report: Callable[[str], None] = print) -> None:
    """Measure, and print or write what was found."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    height_px, width_px = (int(side) for side in given.size.split("x"))
    setting = Setting(
        given.images,
        given.rounds,
        given.backbone,
        height_px,
        width_px,
        given.batch,
        given.workers,
        given.device,
    )
    kinds = tuple(kind for kind in KINDS if kind in given.kinds.split(","))
    document = {
        "command": "python benchmarks/indexing.py " + " ".join(sys.argv[1:]),
        "what": "images a second of indexing, by source, against the bare model on tensors in memory",
        "machine": machine(),
        "threads": given.threads,
        **vars(setting),
        **measure(setting, kinds),
    }
    if given.write:
        write_atomically(RESULT, (json.dumps(document, indent=2) + "\n").encode())
    if given.json:
        report(json.dumps(document, indent=2))
        return
    report(
        f"bare model {document['bare_images_per_s']:.1f} images/s; reading costs "
        f"{document['reading_cpu_ms']:.2f} ms of one core an image"
    )
    for kind, share in document["share_of_bare"].items():
        report(f"{kind:>10}: {document['images_per_s'][kind]:.1f} images/s, {share:.1%} (aim: {AIM:.0%})")
    report(f"already there: {document['already_there_images_per_s']:.0f} images/s")


if __name__ == "__main__":
    main()
