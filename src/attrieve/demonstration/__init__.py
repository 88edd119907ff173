"""The whole of attrieve from nothing: draw people, train, evaluate, index, search, and report it.

No network and no data are needed. What is drawn depicts nobody, so the scores say nothing about
real people; they show that the parts work together.
"""

from attrieve.demonstration.run import run_demonstration
from attrieve.demonstration.settings import DemonstrationSettings

__all__ = ["DemonstrationSettings", "run_demonstration"]
