"""Every visible word of the pages, from one file per language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from attrieve.errors import ConfigurationError, UnknownNameError


class Strings:
    """Texts by dotted key, e.g. ``search.title``.

    A text may hold named places, ``{name}``. One that depends on a number is a table of ``one`` and
    ``other``; the number is given as ``count`` and stands at ``{count}`` with separators of thousands.

    Args:
        language: as in the file's name.
        texts: nested tables of texts.
    """

    def __init__(self, language: str, texts: Mapping[str, object]) -> None:
        self.language = language
        self._texts = dict(_flat(texts, ""))

    def __call__(self, key: str, /, count: int | None = None, **values: object) -> str:
        """Return a text with its places filled.

        Raises:
            UnknownNameError: for a key there is no text of.
            ConfigurationError: if a place is left without a value.
        """
        if count is not None:
            values["count"] = f"{count:,}"
            if f"{key}.other" in self._texts:
                key = f"{key}.one" if count == 1 else f"{key}.other"
        if key not in self._texts:
            raise UnknownNameError("text of the pages", key, self._texts)
        try:
            return self._texts[key].format(**values)
        except (KeyError, IndexError) as error:
            raise ConfigurationError(f"the text {key!r} needs a value for {error}") from error

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the file."""
        return tuple(self._texts)


def _flat(table: Mapping[str, object], before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{before}.{name}" if before else name
        found.extend(_flat(value, key) if isinstance(value, Mapping) else [(key, str(value))])
    return found


def string_languages() -> tuple[str, ...]:
    """Return the languages there are strings of."""
    folder = resources.files("attrieve.serving.web") / "strings"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


@cache
def load_strings(language: str = "en") -> Strings:
    """Read the strings of a language; they are read once.

    Raises:
        UnknownNameError: for a language there is no file of.
    """
    if language not in string_languages():
        raise UnknownNameError("language of the pages", language, string_languages())
    path = resources.files("attrieve.serving.web") / "strings" / f"{language}.toml"
    return Strings(language, tomllib.loads(path.read_text("utf-8")))
