"""Models that come with the toolkit, each an .onnx file with its card beside it."""
