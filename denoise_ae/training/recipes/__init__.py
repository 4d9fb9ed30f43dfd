"""Recipes: everything about a training run, in TOML."""
