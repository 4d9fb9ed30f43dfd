"""Drawn pictures, which are no photographs, to train on beside photographs."""
