"""Training: the same walk as classify's, then one gradient pass over the windows that it read."""
