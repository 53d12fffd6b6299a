"""The format `onnx`: graphs of one decoding step, of the other levels and of the codec, and what runs them."""
