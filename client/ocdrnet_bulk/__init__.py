"""Reads millions of images in shards: resumable, each image exactly once in the output."""
