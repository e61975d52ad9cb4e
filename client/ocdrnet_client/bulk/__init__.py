"""Reads millions of pictures in shards: resumable, each picture exactly once in the output."""
