"""The papers' experiments with whole images of 32 px: training, attacks, transfer, and maps to look at."""
