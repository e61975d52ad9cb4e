"""The chart, and what writes its schema and its table of values."""
