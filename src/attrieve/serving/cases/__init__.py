"""Case folders: what was searched for, found, marked and noted for one purpose, and its exports."""
