"""What the detector is shown, and what is made of its probability maps."""
