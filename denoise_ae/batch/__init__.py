"""Batches of files: planning, cleaning, repairing, supervising, watching."""
