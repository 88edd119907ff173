"""The gallery as a database: one Lance table of Arrow columns, with versions, deletes and filters.

::

    gallery.json                 manifest: models, which one is searched, thumbnails or not
    rows-<fingerprint>.lance/    the rows, with the vectors of one model
    query_side/<fingerprint>/    embeds descriptions as that model does
    writer.lock                  one writer at a time

Readers open a snapshot (:class:`~attrieve.gallery.database.reading.GallerySnapshot`) that no writer
changes; a writer (:func:`~attrieve.gallery.database.writing.open_database_writer`) commits every
operation whole or not at all.
"""
