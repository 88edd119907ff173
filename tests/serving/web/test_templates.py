"""What every template keeps to: words from the strings file, nothing inline, a token in every form."""

import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
from jinja2 import nodes

from attrieve.schema.attributes import GroupKind
from attrieve.schema.body_regions import BodyRegion
from attrieve.serving.access.roles import Role
from attrieve.serving.cases.case import Mark, MemberRole
from attrieve.serving.jobs.job import JobKind, JobState
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.statistics import STEPS
from attrieve.serving.web.environment import templates
from attrieve.serving.web.frame import PLACES
from attrieve.serving.web.strings import load_strings, string_languages

WEB = Path(str(resources.files("attrieve.serving.web")))
NAMES = sorted(templates().list_templates())
SHOWN_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label", "aria-roledescription", "label"}
VALUES = {
    "roles.": Role,
    "places.": [place.name for place in PLACES],
    "regions.": BodyRegion,
    "jobs.kinds.": JobKind,
    "jobs.states.": JobState,
    "ledger.actions.": Action,
    "case.marks.": Mark,
    "case.roles.": MemberRole,
    "gallery.per.": STEPS,
    "vocabulary.kinds.": GroupKind,
    "vocabulary.grammar.": ["wanted", "unwanted", "unsure", "certain", "one_of"],
    "witness.verdicts.": ["agree", "conflict", "one"],
    "person.": ["camera", "time", "track_name", "distance"],
}
"""Keys that templates put together: their beginnings, and how they may go on."""


def source(name: str) -> str:
    return (WEB / "templates" / name).read_text("utf-8")


class Literal(HTMLParser):
    """Collects the words and the attributes a template holds itself; what is put in stands as a space."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.inline: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in SHOWN_ATTRIBUTES and value and re.search(r"[^\W\d_]", value):
                self.words.append(f"{name}={value}")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag == "style":
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        if re.search(r"[^\W\d_]", data):
            self.words.append(data.strip())


def literal(name: str) -> Literal:
    """Return what a template holds with everything that Jinja makes taken out."""
    text = re.sub(r"\{% block main_class %\}.*?\{% endblock %\}", " ", source(name), flags=re.DOTALL)
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", " ", text, flags=re.DOTALL)
    found = Literal()
    found.feed(re.sub(r"\{\{.*?\}\}", " ", text, flags=re.DOTALL))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_template_holds_no_words(name: str) -> None:
    """Every word that is read or heard comes from the strings file."""
    assert literal(name).words == []


@pytest.mark.parametrize("name", NAMES)
def test_template_holds_nothing_inline(name: str) -> None:
    """No style, no script, no handler within the page: the Content-Security-Policy would refuse them."""
    found = literal(name)
    assert found.inline == []
    assert all("src" in attributes for tag, attributes in found.tags if tag == "script")


@pytest.mark.parametrize("name", NAMES)
def test_forms_that_change_something_carry_the_token(name: str) -> None:
    """Each POST form holds the field that shows that the form is ours."""
    for form in re.findall(r"<form\b.*?</form>", source(name), flags=re.DOTALL):
        if 'method="post"' in form:
            assert "csrf_field()" in form, form[:120]


def test_nothing_is_marked_safe() -> None:
    """No template switches escaping off."""
    for name in NAMES:
        tree = templates().parse(source(name))
        assert not [one for one in tree.find_all(nodes.Filter) if one.name == "safe"]
        assert "autoescape" not in source(name)


def named_keys() -> set[str]:
    """Keys that templates and modules name, those that are put together spelt out."""
    texts = [source(name) for name in NAMES] + [path.read_text("utf-8") for path in WEB.rglob("*.py")]
    keys = {key for text in texts for key in re.findall(r"""["']([a-z_]+(?:\.[\w-]+)+)["']""", text)}
    keys |= {f"{beginning}{value}" for beginning, values in VALUES.items() for value in values}
    return keys | {"product"}


def test_every_key_that_is_named_has_a_text() -> None:
    """A missing text would be an error page."""
    strings = load_strings()
    tables = {key.split(".")[0] for key in strings.keys}
    named = {
        key for key in named_keys() if key.split(".")[0] in tables and not key.endswith((".toml", ".md"))
    }
    assert {key for key in named if key not in strings and f"{key}.other" not in strings} == set()


def test_every_text_is_shown_somewhere() -> None:
    """The file holds nothing that no page shows."""
    named = named_keys()
    put_together = ("size.", "notices.", "examples.", "groups.")
    unused = [
        key
        for key in load_strings().keys
        if not {key, key.removesuffix(".one").removesuffix(".other")} & named
        and not key.startswith(put_together)
    ]
    assert unused == []


@pytest.mark.parametrize("language", string_languages())
def test_languages_have_the_same_keys_and_places(language: str) -> None:
    """Another language says the same things."""
    english, other = load_strings(), load_strings(language)
    assert set(other.keys) == set(english.keys)


def test_numbers_choose_their_words() -> None:
    """One row, several rows, separators of thousands."""
    strings = load_strings()
    assert strings("case.hits", count=1) == "1 hit"
    assert strings("case.hits", count=1234) == "1,234 hits"


def test_style_and_script_are_ours_alone() -> None:
    """Nothing is fetched from elsewhere, no font either."""
    for name in ("attrieve.css", "attrieve.js", "icon.svg"):
        text = (WEB / "static" / name).read_text("utf-8")
        assert "@import" not in text
        assert "@font-face" not in text
        for address in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"//[^\n]*\n", "\n", text)):
            assert "w3.org" in address, address
