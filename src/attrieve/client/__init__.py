"""A client of the service: one typed method for each of its routes.

>>> from attrieve.client import AttrieveClient
>>> client = AttrieveClient("http://127.0.0.1:8000")
>>> client.close()
"""

from attrieve.client.asking import ProblemAnswer
from attrieve.client.client import AttrieveClient

__all__ = ["AttrieveClient", "ProblemAnswer"]
