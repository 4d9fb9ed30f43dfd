"""The window, and the only importer of PySide6: pictures one at a time with a live view, and batches."""
