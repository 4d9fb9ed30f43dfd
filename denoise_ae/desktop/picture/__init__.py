"""The picture in the window: document, tiles, view."""
