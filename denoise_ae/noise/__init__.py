"""Noise: corruptions, camera simulation, damage, estimates, noise profiles."""
