"""Write tables and pages of README and docs from the files in results/, or check that they are up to date.

    python docs/tables.py           # write
    python docs/tables.py --check   # exit 1 if a table is out of date

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; NAME is a function below.
The pages docs/results/paper.md and queries.md, with their figures, and docs/scale.md are made as a whole, by
the package ``pages`` beside this file.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pages.exact_search import benchmark_rows, exact_search
from pages.explanations import explanation_cost, pointing_game, pointing_game_attributes
from pages.feedback import feedback
from pages.paper import paper_headline, paper_page
from pages.queries import queries_page
from pages.scale import scale_page
from pages.service import service_page
from pages.subgroups import subgroups

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)
KINDS = {
    "attributes": "PAR baseline",
    "embedding": "MA+ASMR baseline",
    "multi_task": "Multi-task transformer",
}
STARTS = ("ImageNet", "scratch")
DISTANCES = {
    "attributes": "attributes alone",
    "embedding": "embedding alone",
    "fused": "fused",
    "fused-query": "fused, normalised per query",
    "fused-static": "fused, static normalisation",
}
PROTOCOLS = {
    "unique": "unique 35-bit queries",
    "categories": "105-bit categories",
    "representative_removed": "representative removed",
    "per_image": "one query per image",
}


def read(pattern: str) -> list[dict[str, Any]]:
    """Return the result records of a glob pattern, by file name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob(pattern))]


def table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table: the first column left, the others right."""
    if not rows:
        return "*No result has been recorded yet.*\n"
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def percent(value: float | None) -> str:
    """Return a percentage with one decimal."""
    return "" if value is None else f"{value:.1f}"


def start_of(record: dict[str, Any]) -> str:
    """Return where the weights of a run, or of the run it goes on from, started."""
    stage = record.get("first_stage") or record["recipe"]
    return STARTS[1] if stage["initialisation"]["weights"] == "none" else STARTS[0]


def epochs_of(record: dict[str, Any]) -> str:
    """Return the epochs of every stage."""
    epochs = str(record["recipe"]["training"]["epochs"])
    first = record.get("first_stage")
    return f"{first['training']['epochs']} + {epochs}" if first else epochs


def order(record: dict[str, Any]) -> tuple[int, bool, int, int]:
    """Return a sort key: ImageNet before scratch, first stages before second, baselines first."""
    kind = list(KINDS).index(record["recipe"]["model"]["kind"])
    return STARTS.index(start_of(record)), bool(record.get("first_stage")), kind, record["seed"]


def main_distance(record: dict[str, Any]) -> str:
    """Return the distance a model ranks by: fused if it has both branches."""
    kind = record["recipe"]["model"]["kind"]
    return "fused" if kind == "multi_task" else str(kind)


def peta_cpu() -> str:
    """Return the headline table: the models from two starts, unique 35-bit queries."""
    rows = []
    for record in sorted(read("peta-cpu/*.json"), key=order):
        metrics = record["metrics"]["retrieval"]["unique"][main_distance(record)]
        recognition = record["metrics"]["recognition"]
        rows.append(
            [
                KINDS[record["recipe"]["model"]["kind"]],
                start_of(record),
                epochs_of(record),
                str(record["seed"]),
                percent(metrics["overall"]["map"]),
                percent(metrics["overall"]["rank1"]),
                percent(metrics["overall"]["rank5"]),
                percent(metrics["seen"]["map"]),
                percent(metrics["unseen"]["map"]),
                percent(metrics["overall"]["madm"]),
                "" if recognition is None else percent(recognition["mean_accuracy"]),
            ]
        )
    heading = ["model", "start", "epochs", "seed", "mAP", "Rank-1", "Rank-5"]
    return table([*heading, "mAP seen", "mAP unseen", "mADM", "mA"], rows)


def peta_cpu_protocols() -> str:
    """Return mAP and Rank-1 of every run by every protocol and distance."""
    rows = []
    for record in sorted(read("peta-cpu/*.json"), key=order):
        by_protocol = record["metrics"]["retrieval"]
        name = f"{KINDS[record['recipe']['model']['kind']]}, {start_of(record)}, {epochs_of(record)}"
        for distance, words in DISTANCES.items():
            if distance not in by_protocol["unique"]:
                continue
            cells = []
            for protocol in PROTOCOLS:
                overall = by_protocol[protocol][distance]["overall"]
                cells.append(f"{percent(overall['map'])} / {percent(overall['rank1'])}")
            trapezoid = percent(by_protocol["categories"][distance]["overall"]["map_trapezoid"])
            rows.append(
                [
                    f"{name}: {words}",
                    *cells,
                    trapezoid,
                ]
            )
    return table(["model and distance (mAP / Rank-1)", *PROTOCOLS.values(), "105-bit, trapezoid mAP"], rows)


def peta_cpu_source() -> str:
    """Return where the numbers of the two tables above were measured."""
    records = read("peta-cpu/*.json")
    if not records:
        return "*No result has been recorded yet.*\n"
    machines = sorted({f"{r['machine']['processor']}, torch {r['machine']['torch']}" for r in records})
    commits = sorted({str(r["commit"])[:10] for r in records})
    data = records[0]["data"]
    return (
        f"Real PETA, split `{data['split']}`: {data['train_images']:,} training images "
        f"({data['training_categories']:,} distinct 35-bit categories), {data['test_images']:,} test images. "
        f"Measured on {'; '.join(machines)}; code at {', '.join(commits)}. One seed: differences of a point "
        "or two are within what another seed would change. Commands, recipes and all metrics stand in "
        "`results/peta-cpu/`.\n"
    )


def peta_cpu_findings() -> str:
    """Return in words, computed, whether the multi-task model beat its baselines at equal budget."""
    sentences = []
    scores = {
        (start_of(record), epochs_of(record), record["recipe"]["model"]["kind"]): record["metrics"][
            "retrieval"
        ]
        for record in read("peta-cpu/*.json")
    }
    for (start, epochs, kind), retrieval in sorted(scores.items()):
        for baseline in ("attributes", "embedding"):
            other = scores.get((start, epochs, baseline))
            if kind != "multi_task" or other is None:
                continue
            gains = []
            for protocol, words in PROTOCOLS.items():
                ours, theirs = retrieval[protocol]["fused"], other[protocol][baseline]
                gains.append(f"{ours['overall']['map'] - theirs['overall']['map']:+.1f} ({words})")
            sentences.append(
                f"* From {start}, {epochs} epochs: fused search of the multi-task model against the "
                f"{KINDS[baseline]}, points of mAP: {', '.join(gains)}.\n"
            )
    return "".join(sentences) or "*No result has been recorded yet.*\n"


def benchmarks() -> str:
    """Return the ratios of all recorded benchmarks."""
    rows: list[list[str]] = []
    for record in read("benchmark-asmr.json"):
        for row in record["rows"]:
            what = (
                f"semantic margin + alignment, {row['categories']:,} categories, {row['threads']} thread(s)"
            )
            rows.append(
                [f"{what}: time", "stored pair tensor", f"{row['times_faster']:.1f} times faster", "10 times"]
            )
            rows.append(
                [
                    f"{what}: memory",
                    "stored pair tensor",
                    f"{row['times_less_memory']:.0f} times less",
                    "10 times",
                ]
            )
    for record in read("benchmark-training-step.json"):
        ratio = f"{record['multi_task_to_attributes_transformer']:.2f} times"
        rows.append(
            ["multi-task training step, ResNet-50", "recognition alone, same head", ratio, "at most 1.25"]
        )
        ratio = f"{record['multi_task_to_attributes_pooled']:.2f} times"
        rows.append(
            ["multi-task training step, ResNet-50", "recognition alone, pooled head", ratio, "at most 1.25"]
        )
    for record in read("benchmark-loading.json"):
        waiting = f"{100 * record['waiting_share']:.1f} % waiting"
        rows.append(["batches from the image cache, ResNet-18", "one resident batch", waiting, "below 10 %"])
    for record in read("benchmark-retrieval-metrics.json"):
        speed, memory = record["speed"], record["memory"]
        what = f"mAP and CMC, {speed['queries']:,} queries x {speed['persons']:,}"
        for loop, words in (
            ("tuned_loop", "argsort loop, tuned"),
            ("usual_loop", "argsort loop as usual"),
        ):
            rows.append([what, words, f"{speed[f'times_faster_than_{loop}']:.0f} times faster", "30 times"])
        what = f"{memory['queries']:,} queries x {memory['persons']:,}: memory"
        rows.append([what, "8 GiB", f"{memory['extrapolated_peak_gib']:.2f} GiB (extrapolated)", "8 GiB"])
    for record in read("benchmark-indexing.json"):
        for kind, share in record["share_of_bare"].items():
            what = f"indexing from a {kind}, {record['backbone']}, {record['machine']['cores']} cores"
            rows.append(
                [what, "bare model on tensors in memory", f"{share:.1%}", f"{record['aim_at_least']:.0%}"]
            )
    for record in read("benchmark-drawn-people.json"):
        rate = record["processes"]["2"]["images_per_second"]
        rows.append(["drawn people, 256x128, 2 processes", "none", f"{rate:.0f} images/s", "200 images/s"])
    for record in read("benchmark-exact-search.json"):
        rows += benchmark_rows(record)
    return table(["what", "against", "measured", "aim"], rows)


def gallery_store() -> str:
    """Return what the gallery database costs, beside SQLite with memory-mapped columns."""
    text = ""
    words = {
        "append": "append all, in batches",
        "open": "open",
        "read_columns": "read all vectors, sorted by key",
        "filter": "filter on camera and time",
        "delete": "delete by filter",
    }
    for record in read("benchmark-gallery-store.json"):
        lance, sqlite = record["seconds"]["lance"], record["seconds"]["sqlite"]
        rows = [
            [said, f"{lance[what]:.3f} s", f"{sqlite[what]:.3f} s", f"{record['lance_to_sqlite'][what]:.2f}"]
            for what, said in words.items()
        ]
        sizes = [record["bytes"][name] / 2**20 for name in ("lance", "sqlite")]
        rows.append(["on disk", *(f"{size:.0f} MiB" for size in sizes), f"{sizes[0] / sizes[1]:.2f}"])
        text += table(["what", "Lance", "SQLite + mapped columns", "ratio"], rows)
        text += (
            f"\n`{record['command']}`: {record['rows']:,} rows of {record['embedding_dim']} + "
            f"{record['attributes']} numbers in batches of {record['batch']:,}, {record['rounds']} "
            f"rounds, medians; {record['machine']['processor']}, code at {str(record['commit'])[:10]}.\n"
        )
    return text or "*No result has been recorded yet.*\n"


def drawn_people_learnt() -> str:
    """Return what a small network learns of drawn people: the means, and every attribute."""
    text = ""
    for record in read("benchmark-drawn-people-learnt.json"):
        height, width = record["size_px"]
        text += (
            f"`{record['command']}`: five convolutions from scratch on {record['images']:,} pictures of "
            f"{height}x{width} (difficulty {record['difficulty']}, {record['epochs']} epochs), asked about "
            f"{record['held_out_images']:,} pictures of other persons. Mean balanced accuracy "
            f"{record['mean_balanced_accuracy']:.2f}, mean area under the ROC curve "
            f"{record['mean_roc_auc']:.2f}; chance is 0.50 for both.\n\n"
        )
        by_accuracy = sorted(record["attributes"].items(), key=lambda item: -item[1]["balanced_accuracy"])
        rows = [
            [
                name,
                f"{found['training_positives']:,}",
                f"{found['balanced_accuracy']:.2f}",
                f"{found['roc_auc']:.2f}",
            ]
            for name, found in by_accuracy
        ]
        text += table(["attribute", "training positives", "balanced accuracy", "ROC area"], rows)
    return text or "*No result has been recorded yet.*\n"


def demo() -> str:
    """Return the demo's comparison on drawn people."""
    text = ""
    for record in read("demo.json"):
        rows = [
            [row["label"], *(percent(row[score]) for score in ("map", "rank1", "rank5", "minp", "madm"))]
            for row in record["comparison"]["rows"]
        ]
        text += table(["ranked by", "mAP", "Rank-1", "Rank-5", "mINP", "mADM"], rows)
        text += (
            f"\n`{record['command']}`, seed {record['settings']['seed']}: "
            f"{record['seconds'] / 60:.1f} minutes on {record['machine']['threads']} threads "
            f"({record['machine']['processor']}), "
            f"{record['peak_memory_gib']:.1f} GiB at most; code at {str(record['commit'])[:10]}.\n"
        )
    return text or "*No result has been recorded yet.*\n"


def descriptions_speed() -> str:
    """Return what partial, weighted and multi-witness descriptions cost beside a plain one."""
    text = ""
    for record in read("benchmark-descriptions.json"):
        aims = record["aims"]
        kinds = list(record["searching"]["paper"])
        rows = [
            [kind, *(_beside_plain(record["searching"][distance][kind]) for distance in record["searching"])]
            for kind in kinds
        ]
        text += table(["description", *(f"by {name}" for name in record["searching"])], rows) + "\n"
        rows = [
            [name, f"{found['median_ms']:.3f} ms", f"{found['p95_ms']:.3f} ms"]
            for name, found in record["reading"].items()
        ]
        text += table(["reading", "median", "95 %"], rows)
        text += (
            f"\n`{record['command']}`: {record['rows']:,} drawn rows, top {record['top']}, {record['named']} "
            f"attributes named, {record['rounds']} rounds; {record['machine']['processor']}, load "
            f"{record['machine']['load_average']}, code at {str(record['machine']['commit'])[:10]}. Aims: at "
            f"most {aims['to_plain_at_most']} times a plain description, read in less than "
            f"{aims['reading_ms_below']:.0f} ms.\n"
        )
    return text or "*No result has been recorded yet.*\n"


def _beside_plain(found: dict[str, Any]) -> str:
    return f"{found['median_ms']:.1f} ms, {found['to_plain']:.2f} times plain"


def trials() -> str:
    """Return the trials that chose settings: validation categories only, by every distance."""
    heading = ["trial", "model", "pixels", "epochs"]
    shown = {
        "attributes": "Euclidean",
        "likelihood": "likelihood",
        "embedding": "embedding",
        "fused": "fused (paper)",
        "likelihood-fused": "likelihood, fused",
    }
    rows = []
    for path in sorted(RESULTS.glob("trials/*.json")):
        record = json.loads(path.read_text("utf-8"))
        recipe, found = record["recipe"], record["metrics"]["retrieval"]["unique"]
        model = recipe["model"]
        size = f"{model['height_px']}x{model['width_px']}"
        kind = f"{model['kind']}, {model['head']}, {model['backbone']['name']}"
        scores = [percent(found[name]["overall"]["map"]) if name in found else "" for name in shown]
        rows.append([path.stem, kind, size, str(recipe["training"]["epochs"]), *scores])
    return table([*heading, *(f"mAP: {name}" for name in shown.values())], rows)


TABLES: dict[str, Callable[[], str]] = {
    "paper-headline": lambda: paper_headline(RESULTS),
    "demo": demo,
    "trials": trials,
    "descriptions-speed": descriptions_speed,
    "drawn-people-learnt": drawn_people_learnt,
    "benchmarks": benchmarks,
    "benchmark-exact-search": lambda: exact_search(read("benchmark-exact-search.json")),
    "feedback": lambda: feedback(read("benchmark-feedback.json")),
    "gallery-store": gallery_store,
    "pointing-game": lambda: pointing_game(read("benchmark-pointing-game.json")),
    "pointing-game-attributes": lambda: pointing_game_attributes(read("benchmark-pointing-game.json")),
    "explanation-cost": lambda: explanation_cost(read("benchmark-explanations.json")),
    "subgroups": lambda: subgroups(read("subgroups/*.json")),
    "peta-cpu-findings": peta_cpu_findings,
    "peta-cpu": peta_cpu,
    "peta-cpu-protocols": peta_cpu_protocols,
    "peta-cpu-source": peta_cpu_source,
}


def rewrite(text: str) -> str:
    """Return a document with every marked table made anew."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(2)
        if name not in TABLES:
            raise SystemExit(f"no table is called {name!r}; known: {', '.join(TABLES)}")
        return match.group(1) + TABLES[name]() + match.group(4)

    return MARKED.sub(replace, text)


def generated() -> dict[Path, str]:
    """Return the content of every document that is made, in part or as a whole, by its path."""
    page = paper_page(RESULTS)
    folder = ROOT / "docs" / "results"
    made = {folder / "paper.md": page.text, ROOT / "docs" / "scale.md": scale_page(RESULTS)}
    made[folder / "service.md"] = service_page(RESULTS)
    made |= {folder / "figures" / name: svg for name, svg in page.figures.items()}
    made |= {folder / name: text for name, text in queries_page(RESULTS).items()}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        made.setdefault(path, rewrite(path.read_text("utf-8")))
    return made


def stale() -> dict[Path, str | None]:
    """Return what has to be written, by path; None for a figure that no page shows any more."""
    made = generated()
    figures = (ROOT / "docs" / "results" / "figures").glob("*.svg")
    gone: dict[Path, str | None] = {path: None for path in sorted(figures) if path not in made}
    return gone | {
        path: text for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text
    }


def main() -> int:
    """Write or check all documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if a table is stale")
    check = parser.parse_args().check
    found = stale()
    if not check:
        for path, text in found.items():
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
    if found:
        names = ", ".join(str(path.relative_to(ROOT)) for path in found)
        print(("out of date, run `make tables`: " if check else "written: ") + names)
    return 1 if found and check else 0


if __name__ == "__main__":
    sys.exit(main())
