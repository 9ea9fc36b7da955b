"""Labelled pictures of a few pixels, all of one size: CIFAR-10 in each of its forms, cut into splits."""
