"""Audio in: decoding, quality checks, windows, manifests."""
