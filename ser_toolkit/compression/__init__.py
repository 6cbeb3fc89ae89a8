"""Smaller models: int8, float16 and pruned channels, each behind a gate that refuses a loss."""
