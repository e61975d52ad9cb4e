"""The answer for one image: its lines and words."""
