"""Model files: cards, the catalog, checks of ONNX files, trial runs, sessions."""
