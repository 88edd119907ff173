"""Templates, and how numbers and moments are written in them."""

from datetime import UTC, datetime
from functools import cache
from math import ceil
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from attrieve.serving.web.assets import asset_address
from attrieve.serving.web.strings import Strings, load_strings
from attrieve.serving.wire.hits import ReasonView


@cache
def templates(language: str = "en") -> Environment:
    """Return the templates with the strings of a language; everything put in is escaped.

    An undefined name is an error, not an empty place.
    """
    environment = Environment(
        loader=PackageLoader("attrieve.serving.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    strings = load_strings(language)
    environment.globals.update(t=strings, asset=asset_address, group_title=_group_title(strings))
    environment.filters.update(
        bits=lambda value: f"{value:.2f}",
        day=lambda seconds: f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}",
        decimal=lambda value: f"{value:.3f}",
        duration=lambda seconds: duration(seconds, strings),
        moment=moment,
        notch=notch,
        number=lambda value: f"{value:,}",
        percent=lambda value: percent(value, strings),
        seen=seen,
        share=lambda value: f"{100 * value:.1f}%",
        size=lambda count: size(count, strings),
        target=target,
        when=lambda moment: f"{moment:%Y-%m-%d %H:%M}",
    )
    return environment


def render(template: str, /, **values: Any) -> str:
    """Return a page as HTML.

    Args:
        template: name of a file in ``templates``, without ``.html.jinja``.
        values: what it needs; a missing one is an error.
    """
    return templates().get_template(f"{template}.html.jinja").render(**values)


def percent(value: float, strings: Strings) -> str:
    """Return a share as whole percent; what is not quite nothing or everything does not look like it.

    >>> [percent(share, load_strings()) for share in (0.0, 0.002, 0.5, 0.998, 1.0)]
    ['0 %', '<1 %', '50 %', '>99 %', '100 %']
    """
    whole = round(100 * value)
    if whole == 0 and value > 0:
        return strings("number.percent", value="<1")
    if whole == 100 and value < 1:
        return strings("number.percent", value=">99")
    return strings("number.percent", value=whole)


def moment(iso: str) -> str:
    """Return a moment for people; all times are UTC.

    >>> moment("2024-05-12T14:32:05+00:00"), moment("2024-05-12T00:00:00.250000+00:00")
    ('2024-05-12 14:32:05', '2024-05-12 00:00:00.25')
    """
    read = datetime.fromisoformat(iso)
    fraction = f"{read.microsecond / 1e6:.6f}".lstrip("0").rstrip("0").rstrip(".")
    return f"{read:%Y-%m-%d %H:%M:%S}{fraction}"


def duration(seconds: float, strings: Strings) -> str:
    """Return how long something takes, roughly.

    >>> [duration(one, load_strings()) for one in (0.2, 59.0, 61.0, 7300.0)]
    ['1 s', '59 s', '2 min', '3 h']
    """
    if seconds < 60:
        return strings("duration.seconds", count=max(1, ceil(seconds)))
    if seconds < 3600:
        return strings("duration.minutes", count=ceil(seconds / 60))
    return strings("duration.hours", count=ceil(seconds / 3600))


def size(count: int, strings: Strings) -> str:
    """Return a number of bytes for people.

    >>> [size(one, load_strings()) for one in (12, 34_000, 32 << 20)]
    ['12 B', '33.2 KiB', '32 MiB']
    """
    if count < 1024:
        return strings("size.bytes", count=count)
    value = float(count)
    for unit in ("kibi", "mebi", "gibi"):
        value /= 1024
        if value < 1024 or unit == "gibi":
            break
    return strings(f"size.{unit}", value=f"{value:.1f}".removesuffix(".0"))


def seen(reason: ReasonView) -> float:
    """Return what the model saw, calibrated if it can be."""
    return reason.probability if reason.calibrated is None else reason.calibrated


def target(reason: ReasonView) -> float:
    """Return where the asker would put an attribute: 1 surely there, 0 surely not, 0.5 does not know."""
    return 0.5 + (0.5 if reason.wanted else -0.5) * reason.certainty


def notch(reason: ReasonView) -> float:
    """Return how far a notch of three pixels is shifted, so that it never leaves the bar."""
    return -3.0 * target(reason)


def _group_title(strings: Strings) -> Any:
    def title(name: str) -> str:
        key = f"groups.{name}"
        return strings(key) if key in strings else name.replace("_", " ").capitalize()

    return title
