"""What every Python step does with Triton's requests, and the CPU engine: all that needs Triton's own module.

`triton_python_backend_utils` exists inside Triton's stub process alone.
"""
