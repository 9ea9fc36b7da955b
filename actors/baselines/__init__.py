"""Trains and tests the hard-attention baselines of TNet on the archives that TNet itself is trained on."""
