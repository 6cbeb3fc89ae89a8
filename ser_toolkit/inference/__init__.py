"""From a model file and audio to results; never imports torch."""
