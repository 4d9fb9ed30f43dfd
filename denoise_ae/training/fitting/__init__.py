"""Fitting: optimisers, the Lightning module, checkpoints, run folders."""
