"""Drawing with ground truth: shapes, light and text whose quads are known exactly."""
