"""A row in detail, and rows side by side: their views, and how they become HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from attrieve.serving.showing import API
from attrieve.serving.web.environment import render
from attrieve.serving.web.frame import Frame
from attrieve.serving.web.search_form import SearchForm
from attrieve.serving.web.strings import load_strings
from attrieve.serving.wire.hits import PersonView, ReasonView, SeenAttribute, TrackView


@dataclass(frozen=True)
class HeatMap:
    """A heat map of one attribute."""

    label: str
    address: str


@dataclass(frozen=True)
class HitPage:
    """What the page of a row shows.

    Args:
        person: the row.
        form: the search it was found by; may be empty.
        here: address of the page.
        track: its neighbours in time, or None.
        maps: heat maps.
        maps_reason: why there are none.
        may_mark: whether it can be marked.
        may_keep: whether it can be put into a case.
        may_search: whether a search by its description can be offered.
    """

    person: PersonView
    form: SearchForm
    here: str = "/"
    track: TrackView | None = None
    maps: tuple[HeatMap, ...] = ()
    maps_reason: str = ""
    may_mark: bool = False
    may_keep: bool = False
    may_search: bool = True

    @property
    def back(self) -> str:
        """Address of the hits."""
        address = self.form.address(page=self.form.page)
        return address if self.form.empty else f"{address}#hit-{self.person.key}"

    @property
    def verdict(self) -> str:
        """How it is marked: "right", "wrong" or an empty text."""
        return self.form.verdict(self.person.key)

    @property
    def calibrated(self) -> bool:
        """Whether calibrated probabilities are known."""
        return self.person.hit is not None and any(
            reason.calibrated is not None for reason in self.person.hit.reasons
        )

    @property
    def keep_address(self) -> str:
        """Where it is put into a case."""
        return replace(self.form, right=(self.person.key,), wrong=()).address(
            "/cases/add", page=self.form.page
        )

    @property
    def like_address(self) -> str:
        """Where its own description is searched for; empty if there is none."""
        return SearchForm(self.person.like).address() if self.may_search and self.person.like else ""


def heat_maps(found: PersonView, *, run_there: bool) -> tuple[tuple[HeatMap, ...], str]:
    """Return the heat maps of what is asked, or the reason why there are none."""
    t = load_strings()
    if found.hit is not None and found.heat_maps:
        labels = {
            f"{API}/persons/{found.key}/heat-maps/{quote(one.attribute, safe='')}.png": one.label
            for one in found.hit.reasons
        }
        maps = tuple(HeatMap(labels[address], address) for address in found.heat_maps if address in labels)
        return maps, ""
    if not run_there:
        return (), t("person.no_run")
    if not found.attributes:
        return (), t("person.not_recognised")
    if found.image != "available":
        return (), t("person.no_image")
    return (), t("person.no_question")


def render_hit(page: HitPage, frame: Frame) -> str:
    """Return the page of a row as HTML."""
    return render("hit", page=page, frame=frame, csrf_field=frame.csrf)


@dataclass(frozen=True)
class ComparedRow:
    """An attribute of several rows.

    Args:
        label: for people.
        asked: whether the description names it.
        wanted: whether it was asked to hold.
        cells: what was seen in each row, None if nothing.
    """

    label: str
    asked: bool
    wanted: bool
    cells: tuple[ReasonView | None, ...]


@dataclass(frozen=True)
class ComparePage:
    """What the page of rows side by side shows.

    Args:
        persons: the rows.
        form: the search they were found by; may be empty.
        rows: attributes.
    """

    persons: tuple[PersonView, ...]
    form: SearchForm
    rows: tuple[ComparedRow, ...] = ()
    facts: tuple[str, ...] = ("camera", "time", "track_name", "distance")

    @property
    def back(self) -> str:
        """Address of the hits."""
        return self.form.address(page=self.form.page)

    def fact(self, found: PersonView, name: str) -> str:
        """Return a fact of a row as text."""
        unknown = load_strings()("number.none")
        if name == "distance":
            return unknown if found.hit is None else f"{found.hit.distance:.3f}"
        value = {"camera": found.camera, "time": found.time, "track_name": found.track}[name]
        return unknown if value is None else value[:19].replace("T", " ") if name == "time" else value


def compared(persons: Sequence[PersonView]) -> tuple[ComparedRow, ...]:
    """Return what was asked of rows, or without a description what any of them is thought to show."""
    if not persons:
        return ()
    if all(one.hit is not None for one in persons):
        reasons = [{reason.attribute: reason for reason in one.hit.reasons} for one in persons if one.hit]
        order = list(dict.fromkeys(name for one in reasons for name in one))
        return tuple(
            ComparedRow(known.label, True, known.wanted, tuple(one.get(name) for one in reasons))
            for name in order
            for known in [next(one[name] for one in reasons if name in one)]
        )
    seen = [{attribute.attribute: attribute for attribute in one.attributes} for one in persons]
    shown = [
        name for name in (seen[0] or {}) if any(name in one and one[name].probability >= 0.5 for one in seen)
    ]
    return tuple(
        ComparedRow(seen[0][name].label, False, True, tuple(_as_reason(one.get(name)) for one in seen))
        for name in shown
    )


def _as_reason(seen: SeenAttribute | None) -> ReasonView | None:
    if seen is None:
        return None
    return ReasonView(
        attribute=seen.attribute,
        label=seen.label,
        wanted=True,
        certainty=1.0,
        probability=seen.probability,
        calibrated=seen.calibrated,
        matches=seen.probability >= 0.5,
        share=0.0,
    )


def render_compare(page: ComparePage, frame: Frame) -> str:
    """Return the page of rows side by side as HTML."""
    return render("compare", page=page, frame=frame, csrf_field=frame.csrf)
