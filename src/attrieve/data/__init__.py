"""From disk to batch: images, data sets, named splits and their leaks."""
