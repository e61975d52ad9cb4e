"""INT8 for the CPU: an option, whose cost and gain docs/tensorrt.md states."""
