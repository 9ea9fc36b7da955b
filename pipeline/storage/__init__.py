"""Bytes from where they lie, near or far: by range, counted, with errors of our own."""
