"""Scores of models on held-out speakers: predictions, metrics, intervals, comparisons."""
