"""The gallery on many machines, with Ray: indexing by workers, searching in shards.

::

    cluster.py      how Ray is found and reached
    describer.py    one worker of indexing: reads, decodes and describes images
    workforce.py    hands images to workers, and again to others if they die
    indexing.py     one driver that gives out images and is the only one to write
    shard.py        one worker of searching: holds some rows and scores them
    search.py       all shards as one gallery, which answers whole or not at all

Ray is the extra ``ray`` and is loaded when one of these is used.
"""
