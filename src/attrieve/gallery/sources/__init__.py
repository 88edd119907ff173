"""Where images to index come from: folders, lists, archives, WebDataset shards, Hugging Face data sets.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     source = open_source(folder)
...     source.count(), list(source)
(0, [])
"""

from attrieve.gallery.sources.factory import open_source, open_sources
from attrieve.gallery.sources.folder import FolderSource
from attrieve.gallery.sources.given import GivenSource
from attrieve.gallery.sources.huggingface import HuggingFaceSource
from attrieve.gallery.sources.item import Metadata, Scalar, Source, SourceItem
from attrieve.gallery.sources.joined import JoinedSource
from attrieve.gallery.sources.listed import ListSource
from attrieve.gallery.sources.tar import TarSource
from attrieve.gallery.sources.webdataset import WebDatasetSource
from attrieve.gallery.sources.zip import ZipSource

__all__ = [
    "FolderSource",
    "GivenSource",
    "HuggingFaceSource",
    "JoinedSource",
    "ListSource",
    "Metadata",
    "Scalar",
    "Source",
    "SourceItem",
    "TarSource",
    "WebDatasetSource",
    "ZipSource",
    "open_source",
    "open_sources",
]
