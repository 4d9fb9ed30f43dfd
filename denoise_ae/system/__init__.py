"""The operating system: atomic files, paths, CPU count, helper processes."""
