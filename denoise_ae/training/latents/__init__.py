"""Latent codes measured: compression, features."""
