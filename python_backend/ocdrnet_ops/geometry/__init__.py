"""Quads, polygons, outlines of text, and the crops that the recognizer gets."""
