"""Recipes: all settings of a training run, in TOML."""
