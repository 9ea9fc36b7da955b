"""Ray marries the two: pixels from pipeline, networks from models."""
