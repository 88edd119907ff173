"""Run the commands of docs/from-statement-to-search.md; put what they print, and the pictures, into the page.

    attrieve demo --out demo
    python docs/statement.py demo

A block without a language holds commands. They are run in order, in a folder that holds a copy of the
demonstration as ``demo``. A block marked ``text`` is replaced by what the block before it printed. Pictures
the commands write are made small and put into docs/images. The keys that the page marks right or wrong are
chosen anew: the first hits that truly have, and have not, what was asked.
"""

import argparse
import json
import re
import shlex
import shutil
import tempfile
from contextlib import chdir
from pathlib import Path

from PIL import Image
from typer.testing import CliRunner

from attrieve.cli.main import app
from attrieve.data.peta import read_peta
from attrieve.gallery.explain import fulfils
from attrieve.schema import load_vocabulary, parse_query

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "from-statement-to-search.md"
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"\(images/(?P<name>statement-[\w-]+\.png)\)")
WIDTH = 124
"""Characters of a line of output."""
PICTURE_WIDTH_PX = 760
COLOURS = 128


def commands(text: str) -> list[str]:
    """Return every command of a page, in order."""
    blocks = [match["body"] for match in BLOCK.finditer(text) if not match["language"]]
    return [line for block in blocks for line in block.splitlines() if line]


def run(line: str, folder: Path) -> str:
    """Run a command and return what it printed; a command that fails ends everything."""
    program, *arguments = shlex.split(line)
    if program != "attrieve":
        raise SystemExit(f"the page shows attrieve alone, not {line!r}")
    environment = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    with chdir(folder):
        done = CliRunner(env=environment).invoke(app, arguments)
    if done.exit_code:
        raise SystemExit(f"{line}\n{done.output}")
    return "\n".join(text.rstrip() for text in done.stdout.strip("\n").splitlines())


def filled(text: str, folder: Path) -> str:
    """Run a page's commands in a folder and return the page with what they printed."""
    printed: list[str] = []

    def fill(match: re.Match[str]) -> str:
        if not match["language"]:
            printed[:] = (run(line, folder) for line in match["body"].splitlines() if line)
        elif match["language"] == "text":
            shown = "\n\n".join(told for told in printed if told)
            return f"```text\n{shown}\n```"
        return match[0]

    return BLOCK.sub(fill, text)


def with_true_marks(text: str, folder: Path) -> str:
    """Replace the keys that a page marks by those of hits that truly answer, or do not."""
    line = next(command for command in commands(text) if "--right" in command)
    plain = re.sub(r" --(right|wrong|marks) \S+", "", line)
    found = json.loads(run(f"{plain} --json", folder))
    schema = load_vocabulary("peta35")
    people = read_peta((folder / "demo" / "people").resolve()).persons.select(schema)
    values = {str(person.image.path.absolute()): person.values for person in people.persons}
    query = parse_query(found["query"]["text"], schema)
    answers = {hit["key"]: fulfils(query, values[hit["source"]]) for hit in found["hits"]}
    for option, wanted in (("right", True), ("wrong", False)):
        shown = re.findall(rf"--{option} (\S+)", line)
        keys = [key for key, answer in answers.items() if answer is wanted][: len(shown)]
        if len(keys) < len(shown):
            raise SystemExit(
                f"the page marks {len(shown)} hits {option}, only {len(keys)} truly are; change it"
            )
        for old, new in zip(shown, keys, strict=True):
            text = text.replace(old, f"<{new}>")  # in brackets, lest a new key be taken for an old one
    return re.sub(r"<([0-9a-f]{16})>", r"\1", text)


def small(picture: Path, to: Path) -> None:
    """Write a picture that fits a page, in few colours."""
    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    if image.width > PICTURE_WIDTH_PX:
        image = image.resize(
            (PICTURE_WIDTH_PX, round(image.height * PICTURE_WIDTH_PX / image.width)), Image.Resampling.LANCZOS
        )
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)


def main() -> None:
    """Fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="folder that `attrieve demo --out` filled")
    demo = parser.parse_args().demo.resolve()
    text = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("gallery", "runs/multi-task"):
            shutil.copytree(demo / part, folder / "demo" / part, symlinks=True)
        (folder / "demo" / "people").symlink_to(demo / "people", target_is_directory=True)
        text = filled(with_true_marks(text, folder), folder)
        for picture in PICTURE.findall(text):
            small(folder / picture, DOCS / "images" / picture)
        text = text.replace(str(folder), ".").replace(str(demo), "demo")
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
