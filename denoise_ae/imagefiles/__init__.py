"""Image files: bytes to pixels and back, metadata, finding pictures in folders."""
