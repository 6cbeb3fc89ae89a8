"""From a manifest to a checkpoint and an ONNX file."""
