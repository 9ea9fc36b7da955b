"""Labelled archives made by rule, to measure on."""
