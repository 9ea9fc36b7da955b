"""What attention saved: the same images at every budget, beside a full scan, tissue only, chance and centre."""
