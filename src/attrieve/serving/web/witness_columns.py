"""Witnesses as columns of the search form, and as the form and the address name them."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_WITNESSES = 8


@dataclass(frozen=True)
class WitnessColumn:
    """One witness in the form.

    Args:
        name: how the witness is called.
        percent: how much the witness counts, 1 to 100.
        text: what was said; may be empty while it is written.
    """

    name: str
    percent: int = 100
    text: str = ""

    @property
    def line(self) -> str:
        """As a witness is written: "B~0.6: male, jacket"."""
        weight = "" if self.percent == 100 else f"~{self.percent / 100:g}"
        return f"{self.name}{weight}: {self.text}"

    @classmethod
    def of_line(cls, line: str, number: int) -> "WitnessColumn":
        """Read a line; what has no name gets a letter."""
        head, colon, text = line.partition(":")
        if not colon:
            return cls(letter(number), 100, line.strip())
        name, tilde, weight = head.partition("~")
        return cls(name.strip() or letter(number), _percent(weight) if tilde else 100, text.strip())


def _percent(weight: str) -> int:
    try:
        return min(100, max(1, round(100 * float(weight))))
    except (ValueError, OverflowError):
        return 100


def letter(number: int) -> str:
    """Return what a witness without a name is called."""
    return chr(ord("A") + number % 26)


def read_witnesses(parameters: Sequence[tuple[str, str]]) -> tuple[WitnessColumn, ...]:
    """Read witnesses as the form names them (``wn``, ``ww``, ``wt``) or as the address does (``w``)."""
    names, weights, texts = (values_of(parameters, name, empty=True) for name in ("wn", "ww", "wt"))
    if texts:
        columns = [
            WitnessColumn(
                (names[at].replace(":", " ").replace("~", " ").strip() if at < len(names) else "")
                or letter(at),
                _whole_percent(weights[at]) if at < len(weights) else 100,
                said.strip(),
            )
            for at, said in enumerate(texts)
        ]
    else:
        lines = values_of(parameters, "w", empty=True)
        columns = [WitnessColumn.of_line(line, number) for number, line in enumerate(lines)]
    return tuple(columns[:MOST_WITNESSES])


def _whole_percent(text: str) -> int:
    return min(100, max(1, number_of(text, 100)))


def values_of(parameters: Sequence[tuple[str, str]], name: str, *, empty: bool = False) -> tuple[str, ...]:
    """Return every value of a parameter, those of blanks only if they are wanted, too."""
    return tuple(value for key, value in parameters if key == name and (empty or value.strip()))


def number_of(text: str, otherwise: int) -> int:
    """Return a whole number of at most nine digits, or what is said otherwise."""
    return int(text) if text.isdecimal() and len(text) < 10 else otherwise
