"""The section on which attributes matter."""

from pathlib import Path


def significance_section(path: Path, figures: dict[str, str]) -> str:
    """Return the section made from a record of ``attrieve significance``, and add its figures."""
    return ""
