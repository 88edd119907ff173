"""From person images to a searchable folder, and from a description to ranked hits."""
