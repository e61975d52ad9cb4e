"""What every Python step does with Triton's requests, and the engines that run the networks.

`triton_python_backend_utils`, which `requests` needs, exists inside Triton's stub process alone.
"""
