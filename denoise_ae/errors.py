"""Errors with a message for people and a hint on what to do.

The library raises them and never prints; only `denoise_ae.cli` turns them into text and an exit status.
"""

REINSTALL = "install denoise-ae again"
"""The hint for a damaged installation."""


class DenoiseError(Exception):
    """Base of all errors that a user can fix.

    Args:
        message: one line that says what is wrong and names the file, option or model.
        hint: one line that says what to do about it; may be empty.

    Attributes:
        exit_status: of the command that ends with this error.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def library_missing(what: str, error: Exception) -> DenoiseError:
    """Return the error for what fails because a library can't be loaded.

    Args:
        what: is to be done, or with what; the message begins with it.
        error: what came of it. Of numpy's, which has dozens of lines, the last one says why.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = "not enough memory" if isinstance(error, MemoryError) else (lines or [type(error).__name__])[-1]
    hint = "if memory is short, give it more; denoise-ae doctor finds other causes"
    return DenoiseError(f"{what}: a library can't be loaded: {reason}", hint)


class ImageError(DenoiseError):
    """A picture can't be read or written, or is not supported."""


class OutputError(DenoiseError):
    """An output exists already, equals its input, or its folder can't be written."""


class OutputExistsError(OutputError):
    """A file lies where an output goes, and is not to be replaced."""


class ModelError(DenoiseError):
    """A model is unknown, damaged, or not an image-to-image network."""


class CodesError(DenoiseError):
    """A file of latent codes is unusable, or its codes belong to another model."""


class DeviceError(DenoiseError):
    """The named device is not available."""


class Interrupted(DenoiseError):  # noqa: N818 - it ends work that is no longer wanted
    """The work was stopped, see `denoise_ae.modelfiles.runtime.Interrupt`."""


class TrainingError(DenoiseError):
    """Training data, a checkpoint or an export is unusable."""


class PackageError(DenoiseError):
    """An optional package is needed but not installed."""


class UsageError(DenoiseError):
    """Options or a recipe are invalid, or contradict each other (exit status 2)."""

    exit_status = 2
