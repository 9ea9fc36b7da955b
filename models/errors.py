"""What can go wrong with a network, in one tree; models never imports pipeline, which has its own.

ModelError
    UnknownModelError   there is no architecture of that name
    WeightsError        a weights file does not fit its network
"""


class ModelError(Exception):
    """Root of the tree."""


class UnknownModelError(ModelError):
    """There is no architecture of that name."""


class WeightsError(ModelError):
    """A weights file cannot be read, or does not fit its network."""
