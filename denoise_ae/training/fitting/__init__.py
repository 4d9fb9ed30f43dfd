"""Fitting: plan, training loop, optimisers, checkpoints, run folders."""
