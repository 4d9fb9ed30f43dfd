"""Training and export: the only importer of torch, lightning and onnx (extra ``[train]``)."""
