"""Losses: supervised, variational and self-supervised."""
