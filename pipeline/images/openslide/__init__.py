"""Slides that only OpenSlide reads."""
