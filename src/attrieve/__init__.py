"""attrieve: describe a person, find them."""

__version__ = "0.1.0"
