"""Export to ONNX, and quantisation to int8."""
