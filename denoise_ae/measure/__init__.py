"""Measuring: metrics, baselines, benchmarks and their reports."""
