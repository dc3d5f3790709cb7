"""Every error that eyecut raises on purpose, in one small tree.

::

    EyecutError
    ├── ValidationError       an array or value does not fit the type that should hold it
    ├── ConfigError           unknown key, bad value, configuration not found
    ├── WeightsError          weights missing, damaged, or of another model
    ├── ImageError            something about one picture file
    │   ├── UnreadableImage   not a picture, truncated, empty, no permission, a folder
    │   ├── ImageTooLarge     more pixels or bytes than the limits allow
    │   └── UnsupportedImage  a suffix that eyecut does not read or write
    ├── OutputError           a result cannot be written, or would overwrite something
    │   └── DiskFull          nothing more can be written there
    └── EvaluationError       truth or predictions do not fit together

Messages name the file or key and say what to do about it.
"""


class EyecutError(Exception):
    """The root of the tree: catch this to catch all of them."""


class ValidationError(EyecutError):
    """An array or value does not have the shape, type or range that was promised."""


class ConfigError(EyecutError):
    """The configuration is not usable; the message names the key."""


class WeightsError(EyecutError):
    """Weights are missing, damaged, or belong to another model."""


class ImageError(EyecutError):
    """Something is wrong with one picture; the message names the file."""


class UnreadableImage(ImageError):  # noqa: N818
    """The file is not a picture, is truncated or empty, or may not be read."""


class ImageTooLarge(ImageError):  # noqa: N818
    """The picture has more pixels or bytes than the limits allow."""


class UnsupportedImage(ImageError):  # noqa: N818
    """The suffix names a format that eyecut does not read or write."""


class OutputError(EyecutError):
    """A result cannot be written, or writing it would overwrite something."""


class DiskFull(OutputError):  # noqa: N818
    """The disk takes no more: it is full, its quota is spent, or it became read-only."""


class EvaluationError(EyecutError):
    """Truth or predictions are missing, unreadable, or do not fit together."""
