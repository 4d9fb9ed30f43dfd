"""Losses, with and without clean pictures."""
