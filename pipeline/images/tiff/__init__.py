"""TIFF and its family."""
