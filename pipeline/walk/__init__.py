"""What to look at next: grids, selection, traversal, scheduling. Pure."""
