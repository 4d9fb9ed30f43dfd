"""Training and export: the only importer of torch, lightning and onnx (extra ``[train]``)."""

from importlib.util import find_spec

from denoise_ae.errors import TrainingError

_PACKAGES = ("torch", "lightning", "onnx", "onnxscript", "matplotlib", "pooch", "pydantic", "tomli_w")


def require_packages() -> None:
    """Check that the packages of the extra ``[train]`` are installed, without importing them.

    Raises:
        TrainingError: one is missing.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training and export need {', '.join(missing)}", "install them with: pip install 'denoise-ae[train]'"
        )
