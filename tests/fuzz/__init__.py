"""Hostile files: whatever bytes a file holds, opening and reading it ends soon and in words of our own."""
