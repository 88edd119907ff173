"""Images that strangers send: received to disk, decoded in a confined process, kept as pixels alone."""
