"""The page docs/results/queries.md: what witnesses say, and how well people are found by it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrieve.evaluation.testimony_distances import BASELINE, DISTANCES, SEARCH_BASELINE
from attrieve.evaluation.testimony_report import FEW
from pages.markdown import signed, table
from pages.queries_aims import aims_section, run_names
from pages.queries_charts import calibration_chart, named_chart, trouble_chart

Record = dict[str, Any]

SHOWN = (1, 2, 4, 8, 16, 24, 34)
"""Numbers of named attributes in the tables; the figures have all."""

CHOICES = {"uniform": "any attributes", "remarkable": "remarkable ones first"}
RELEVANCES = {"fulfils": "right: who truly has all that was named", "exact": "right: the exact description"}

HEAD = """\
# Asked as a witness speaks, on real PETA

<!-- Made by `make tables` from the records in results/queries; do not edit. -->

Partial, wrong, doubtful and contradicting descriptions by simulated witnesses, and how well each distance
finds the people they describe, measured by `attrieve testimony`. Numbers are percent unless something else
is said; in brackets stand 95 % intervals of the bootstrap over queries. Everything that is fitted or chosen
is so on categories set aside from training; the test part is only measured on.
"""

NOT_RUN = "*Not run: no record lies in `results/queries/`.*\n"


def queries_page(results: Path) -> dict[str, str]:
    """Return the page and its figures by name, all made from ``results/queries``."""
    records = read_records(results)
    if not records:
        return {"queries.md": f"{HEAD}\n{NOT_RUN}"}
    main = records[0]
    parts = [
        HEAD,
        origin_section(records),
        asked_section(main),
        aims_section(records),
        full_section(main),
        named_section(main),
        trouble_section(main),
        witnesses_section(main),
        calibration_section(main),
        LIMITS,
    ]
    return {
        "queries.md": "\n".join(parts),
        "figures/queries-named.svg": named_chart(main, "map", "mAP in %"),
        "figures/queries-named-madm.svg": named_chart(main, "madm", "mADM in %"),
        "figures/queries-trouble.svg": trouble_chart(main),
        "figures/queries-calibration.svg": calibration_chart(main),
    }


def read_records(results: Path) -> list[Record]:
    """Return all records: runs with both branches first, of these the ones with most distances, by seed."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((results / "queries").glob("*.json"))]
    return sorted(found, key=_place)


def _place(record: Record) -> tuple[bool, int, int]:
    return record["kind"] != "multi_task", -len(record["full"]["distances"]), record["seed"]


def origin_section(records: list[Record]) -> str:
    """Return what was run on what."""
    lines = ["## What was run\n"]
    for record, name in zip(records, run_names(records), strict=True):
        data, recipe = record["data"], record["recipe"]
        size = f"{recipe['model']['height_px']}x{recipe['model']['width_px']}"
        lines.append(
            f"* {name}: {recipe['model']['backbone']['name']} at {size}, "
            f"real PETA, split `{data['split']}`: {data['train_images']:,} training, "
            f"{data['validation_images']:,} validation and {data['test_images']:,} test images, "
            f"{record['queries']} distinct descriptions of the test part as queries. `{record['command']}`, "
            f"code at {str(record['commit'])[:10]}, {record['machine']['processor']}, torch "
            f"{record['machine']['torch']}."
        )
    if len(records) > 1:
        lines.append("\nTables and figures below the aims show the first of these runs.")
    return "\n".join(lines) + "\n"


def asked_section(record: Record) -> str:
    """Return how witnesses are simulated."""
    named, draws, seed = record["full"]["named"], record["draws"], record["seed_of_words"]
    return f"""\
## What was asked

Each query is a distinct description of {named} attributes in the test part, and a witness speaks of the
person who has it; every question is asked {draws} times with other words (seed {seed}), and scores are
averaged per query.

* **Partial**: n of the attributes are named, truthfully, whether they hold or not. Which ones: any, with
  equal probability; or *remarkable ones first*, drawn in proportion to the surprise of the value, -log of
  its share in training. A longer description holds the shorter one.
* **Wrong**: 5, 10 or 20 % of the answers, drawn independently, are flipped, and the witness does not know
  it. Two ages, or none, may come of it.
* **Doubtful**: the error rate of an answer is half a Beta-distributed number, so that some answers are firm
  and some are guesses; the witness states certainty 1 - 2 x error. The search may use it or ignore it.
* **Several**: witnesses with independent errors, each naming attributes of its own choice, stating
  certainty 1 - 2 x error rate, pooled as log-odds.

Two ideas of who is right: all people who truly have what was named (what a witness could tell apart at best),
and only those with the exact description of the person seen. Wrong answers never enter into who is right.

Distances, all restricted to what is named and weighted by certainty:

{distance_table()}"""


def distance_table() -> str:
    """Return the names of all distances and what they are."""
    return table(["distance", "what it is"], [[f"`{name}`", words] for name, words in DISTANCES.items()])


def full_section(record: Record) -> str:
    """Return the table of complete and true descriptions."""
    full = record["full"]
    rows = [
        [
            DISTANCES[name],
            _cell(full["distances"][name]["map"]),
            f"{full['distances'][name]['rank1']:.1f}",
            _cell(full["distances"][name]["madm"]),
            _difference(full["to_paper"][name]),
            f"{full['ratio_to_paper'][name][0]:.2f}",
        ]
        for name in full["distances"]
    ]
    heading = ["ranked by", "mAP", "Rank-1", "mADM", "mAP to the paper's Euclidean", "times"]
    return f"## All attributes named, all true\n\n{table(heading, rows)}"


def named_section(record: Record) -> str:
    """Return tables and figures of partial descriptions."""
    text = "## Some attributes named\n\n![mAP by named attributes](figures/queries-named.svg)\n\n"
    text += "![mADM by named attributes](figures/queries-named-madm.svg)\n\n"
    for choice, chosen in CHOICES.items():
        for relevance, right in RELEVANCES.items():
            rows_of = {
                row["named"]: row
                for row in record["named"]
                if row["choice"] == choice and row["relevance"] == relevance and row["named"] in SHOWN
            }
            names = list(record["full"]["distances"])
            rows = [
                [DISTANCES[name], *(f"{row['distances'][name]['map'][0]:.1f}" for row in rows_of.values())]
                for name in names
            ]
            rows.append(["*by chance*", *(f"{row['chance_map']:.1f}" for row in rows_of.values())])
            rows.append(["*right images per query*", *(f"{row['relevant']:.0f}" for row in rows_of.values())])
            text += f"mAP, {chosen}; {right}:\n\n"
            text += table(["named", *(str(count) for count in rows_of)], rows) + "\n"
    few = [row for row in record["named"] if row["named"] == FEW]
    text += f"With {FEW} named, mAP to the paper's Euclidean over what is named, paired by query:\n\n"
    heading = ["ranked by", *(f"{CHOICES[row['choice']]}, {row['relevance']}" for row in few)]
    rows = [
        [DISTANCES[name], *(_difference(row["to_paper"][name]) for row in few)]
        for name in record["full"]["distances"]
        if name != BASELINE
    ]
    return text + table(heading, rows)


def trouble_section(record: Record) -> str:
    """Return tables of wrong and doubtful answers."""
    text = (
        "## Wrong and doubtful answers\n\n![mAP by share of wrong answers](figures/queries-trouble.svg)\n\n"
    )
    names = list(record["full"]["distances"])
    for what, title in (("errors", "wrong and stated as certain"), ("doubt", "doubtful")):
        chosen = [row for row in record[what] if row["relevance"] == "exact" or row["named"] == FEW]
        chosen = [row for row in chosen if row["named"] != FEW or row["relevance"] == "fulfils"]
        for named in sorted({row["named"] for row in chosen}, reverse=True):
            cases = [row for row in chosen if row["named"] == named]
            heading = [f"{named} named, {title}", *(_case(row) for row in cases)]
            rows = [
                [DISTANCES[name], *(f"{row['distances'][name]['map'][0]:.1f}" for row in cases)]
                for name in names
            ]
            text += table(heading, rows) + "\n"
    return text


def _case(row: Record) -> str:
    doubt = f", certainty {row['certainty']}" if "certainty" in row else ""
    return f"{100 * row['wrong']:.0f} %{doubt}"


def witnesses_section(record: Record) -> str:
    """Return the table of groups of witnesses."""
    text = "## Several witnesses\n\nmAP, right is only the exact description. Each column is a group of "
    text += "witnesses, by the share of answers in which each errs.\n\n"
    for named in sorted({row["named"] for row in record["witnesses"]}, reverse=True):
        cases = [row for row in record["witnesses"] if row["named"] == named]
        heading = [f"{named} named by each", *(_group(row["wrong"]) for row in cases)]
        rows = [
            [DISTANCES[name], *(f"{row['distances'][name]['map'][0]:.1f}" for row in cases)]
            for name in record["full"]["distances"]
        ]
        text += table(heading, rows) + "\n"
    three = [row for row in record["witnesses"] if row["wrong"] == [0.2, 0.2, 0.2]]
    mixed = [row for row in record["witnesses"] if row["wrong"] == [0.1, 0.2, 0.2]]
    heading = ["difference in mAP, paired by query"]
    heading += [f"three of 20 % to one of 10 %, {row['named']} named" for row in three]
    heading += [f"10, 20, 20 % to the single best, {row['named']} named" for row in mixed]
    rows = [
        [
            DISTANCES[name],
            *(_difference(row["to_one_of_ten_percent"][name]) for row in three),
            *(_difference(row["to_best"][name]) for row in mixed),
        ]
        for name in record["full"]["distances"]
    ]
    return text + table(heading, rows)


def _group(wrong: list[float]) -> str:
    return ", ".join(f"{100 * share:.0f}" for share in wrong) + " %"


WITHOUT_CHANCE = (
    ' "Without chance": the root of the mean squared error, of which only products of two different '
    "categories are kept, so that true probabilities would show 0 on average; the interval is a jackknife's "
    "over categories."
)


def calibration_section(record: Record) -> str:
    """Return calibration errors and the reliability diagram."""
    words = {
        "none": "as the model says it",
        "undo-weights": "weights of the training loss undone",
        "tempered": "one temperature",
        "curves": "a curve per attribute",
        "joint": "all attributes jointly",
    }
    rest = record["calibration"]
    before = rest["none"]["mean_error"]
    rows = [
        [
            words[name],
            *(f"{found[key]:.2f}" for key in keys),
            f"{found['mean_error'] / before:.2f}",
            *_without_chance(found),
        ]
        for keys in [("mean_error", "mean_error_equal_mass", "error_of_all_answers", "mean_error_if_true")]
        for name, found in rest.items()
    ]
    heading = [
        "probabilities",
        "mean over attributes",
        "bins of equal mass",
        "all answers",
        "if they were true",
        "of uncalibrated",
    ]
    about = ""
    if _without_chance(rest["none"]):
        heading += ["without chance", "of uncalibrated, without chance"]
        about = WITHOUT_CHANCE
    return (
        "## Calibration\n\nExpected calibration error on the test part, percentage points, 15 bins "
        '([how](../methods/calibration.md)). "If they were true": the mean over '
        "attributes that these people would show by chance if these very probabilities held; people of one "
        f"category share their luck, since they are alike.{about}\n\n"
        f"{table(heading, rows)}\n![Reliability](figures/queries-calibration.svg)\n"
    )


def _without_chance(found: Mapping[str, Any]) -> list[str]:
    """Return the debiased error and its share; nothing where it was not measured."""
    if "debiased" not in found:
        return []
    return [f"{found['debiased']:.2f}", "{:.2f} [{:.2f}, {:.2f}]".format(*found["debiased_share"])]


def _cell(triple: list[float]) -> str:
    mean, low, high = triple
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def _difference(triple: list[float]) -> str:
    mean, low, high = triple
    return f"{signed(mean)} [{signed(low)}, {signed(high)}]"


LIMITS = f"""\
## Limits

* Simulated witnesses are not people: their errors are independent of each other and of how a person looks,
  and they name single attributes. Real witnesses share mistakes, and what one has told another counts
  twice.
* Intervals say what other queries would change, not what another training would. Where several seeds were
  run, the table of aims has a column for each.
* `{SEARCH_BASELINE}` and `fused-half` ask the embedding branch as no sensible search would: they stand for
  what plain restriction of the paper's fused distance does to a partial description.
* PETA's labels are themselves errors now and then; who "truly has" an attribute is what its annotators
  said.
* One data set and one split, whose test descriptions mostly have two images each.
"""
