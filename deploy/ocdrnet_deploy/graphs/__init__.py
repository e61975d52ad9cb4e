"""ONNX graphs: how a network's becomes the pipeline's contract, and the rewrites that make it faster."""
