"""Latent codes: encoding, decoding, archives."""
