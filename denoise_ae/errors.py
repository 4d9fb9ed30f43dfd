"""Errors that carry a message for people and a hint on what to do next.

The library raises these and never prints; `denoise_ae.cli` is the one place that turns
them into text and an exit status.
"""


class DenoiseError(Exception):
    """Something the user can mend.

    Args:
        message: one line that says what is wrong and names the file, option or model.
        hint: one line that says what to do about it; empty where there is nothing to add.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ImageError(DenoiseError):
    """A picture can't be read, is not supported, or can't be written."""


class OutputError(DenoiseError):
    """An output exists already, equals its input, or its folder can't be written."""


class ModelError(DenoiseError):
    """A model is unknown, broken, or not an image-to-image network."""


class CodesError(DenoiseError):
    """A file of latent codes is unusable, or its codes are another model's."""


class DeviceError(DenoiseError):
    """A device was named that is not to be had."""


class Interrupted(DenoiseError):  # noqa: N818 - the way out of work that nobody wants any more
    """Somebody ended the work, see `denoise_ae.modelfiles.session.Interrupt`."""


class TrainingError(DenoiseError):
    """Training data, a checkpoint or an export is unusable."""


class PackageError(DenoiseError):
    """An optional package is asked for that is not installed."""


class UsageError(DenoiseError):
    """Options or a recipe make no sense together (exit status 2)."""

    exit_status = 2
