"""Tests of reading bytes."""
