"""TensorRT: precision in the graph, optimization profiles, `trtexec`, and a cache of the plans it makes."""
