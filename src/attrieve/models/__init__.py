"""From pixels and descriptions to vectors."""
