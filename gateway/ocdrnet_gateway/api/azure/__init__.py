"""Azure Document Intelligence's Read and Layout, version 2024-11-30, on top of the gateway's jobs."""
