"""Everything that can go wrong, in one tree.

FoveateError
    UsageError                  the command cannot run as asked; exit status 2, nothing was touched
        ManifestError           the list of images is not usable
        ConfigError             a model's config.json is not usable
        ResumeError             the output directory holds another run
    ImageError                  one image cannot be classified; it becomes a `failed` row
        ImageAccessError        missing, not readable, not a regular file
        UnsupportedImageError   a real image, in a form that is not supported
        CorruptImageError       not an image, or one whose structure is broken
        ImageMismatchError      a good image that this model is not made for
        NothingToSeeError       no tissue and no valid data
        ImageChangedError       not the file any more that was opened
        AllowanceSpentError     its share of the archive's budget does not suffice
        PutOffError             it may not be taken up now; no row, it comes up again
    TileReadError               one stored tile cannot be read; the walk goes around it
        ReadTimeoutError        the storage did not answer in time
    StorageError                a disk or server does not give its bytes; becomes one of the two above
        ObjectChangedError      the object is not the one any more that was opened

The networks have a small tree of their own (`models.errors`), because models never imports pipeline.
A message says what was found, what was wanted, and the way out.
"""

from pipeline.storage.acquisition import Acquisition


class FoveateError(Exception):
    """Root of the tree."""


class UsageError(FoveateError):
    """The command cannot run as asked; nothing was touched."""


class ManifestError(UsageError):
    """The list of images is not usable."""


class ConfigError(UsageError):
    """A model's config.json is not usable."""


class ResumeError(UsageError):
    """The output directory holds a run with other settings."""


class ImageError(FoveateError):
    """One image cannot be classified."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.cost = Acquisition()
        """What was read before that was known; filled in on the way up."""


class ImageAccessError(ImageError):
    """The file is missing, may not be read, or is not a regular file."""


class UnsupportedImageError(ImageError):
    """A real image in a form that is not supported."""


class CorruptImageError(ImageError):
    """Not an image, or one whose structure is broken."""


class ImageMismatchError(ImageError):
    """A good image that this model is not made for."""


class NothingToSeeError(ImageError):
    """No tissue and no valid data was found in the image."""


class ImageChangedError(ImageError):
    """The file changed while it was read."""


class AllowanceSpentError(ImageError):
    """An image's share of the archive's budget does not suffice for what was wanted of it."""


class PutOffError(ImageError):
    """An image may not be taken up in this pass over the archive; whatever was known of it stays."""


class TileReadError(FoveateError):
    """One stored tile cannot be read or decoded."""


class ReadTimeoutError(TileReadError):
    """The storage did not answer in time."""


class StorageError(FoveateError):
    """A disk or server does not give its bytes."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.cost = Acquisition()
        """As of an ImageError, which it may become."""


class ObjectChangedError(StorageError):
    """The object was replaced or changed since it was opened."""
