"""The batch in the window."""
