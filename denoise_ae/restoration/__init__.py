"""Restoring arrays: denoising, repairing, adapting to a picture."""
