"""Text from outside on a terminal."""


def printable(text: str) -> str:
    """Show line breaks and other characters no terminal shows as they would be written in code.

    >>> print(printable("crops/a\\nb\\x1b[31m.png"))
    crops/a\\nb\\x1b[31m.png
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
