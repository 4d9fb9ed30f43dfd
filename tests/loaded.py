"""What a program loads."""

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "denoise_ae"


def loaded_by(program: str, *arguments: str) -> set[str]:
    """Top-level packages that a fresh Python has loaded after a program."""
    report = "\nimport sys\nprint('LOADED', *{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    words = [sys.executable, "-c", f"try:\n    {program}\nexcept SystemExit:\n    pass{report}", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(done.stderr.rsplit("LOADED", 1)[1].split())


HEAVY = {
    *("numpy", "cv2", "onnxruntime", "PIL", "PySide6"),
    *("torch", "lightning", "onnx", "matplotlib", "skimage", "sklearn"),
}
