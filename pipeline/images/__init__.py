"""Files become pixels: pyramids, regions, sources, windows."""
