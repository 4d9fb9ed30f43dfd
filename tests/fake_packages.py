"""Packages that seem to be installed: Python's metadata lists them, but they hold no module."""

from pathlib import Path

VERSION = "9.9"


def pretend_installed(folder: Path, *packages: str) -> None:
    """Write to a folder, which has to be on the module path, what says that packages are installed in it."""
    for package in packages:
        info = folder / f"{package.replace('-', '_')}-{VERSION}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {VERSION}\n")
