"""Any file name as valid Unicode, and back."""

import re

_SPECIAL = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile("\x00([0-9a-f]{4})")


def escape_text(text: str) -> str:
    """Return text that can be stored as UTF-8: a lone surrogate becomes a null sign and its four digits.

    Names of files that are no UTF-8 hold such surrogates in Python. No file name holds a null sign, so
    nearly every name is stored as it is; a null sign itself is escaped too, so that nothing is lost.

    >>> escape_text("plain.png"), escape_text("caf\\udce9.png")
    ('plain.png', 'caf\\x00dce9.png')
    """
    if text.isascii() and "\x00" not in text:
        return text
    return _SPECIAL.sub(lambda match: f"\x00{ord(match.group()):04x}", text)


def unescape_text(text: str) -> str:
    """Undo :func:`escape_text`.

    >>> unescape_text(escape_text("caf\\udce9\\n.png")) == "caf\\udce9\\n.png"
    True
    """
    if "\x00" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text)
