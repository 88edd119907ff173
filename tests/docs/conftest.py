"""The generator of the docs' pages is a package beside the documents, not part of attrieve."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
