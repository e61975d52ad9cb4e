"""The HTTP interfaces, a folder each."""
