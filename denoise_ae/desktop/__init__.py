"""The window: the only importer of PySide6. It cleans with `Denoiser` and the batch's own steps alone."""
