"""Figures for BENCHMARKS.md: ratios measured in one run, never a timed test. `make bench` runs them all."""
