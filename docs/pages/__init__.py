"""Pages of docs that are generated from the files in results/."""
