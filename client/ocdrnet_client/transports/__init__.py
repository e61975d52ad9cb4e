"""Thin adapters over tritonclient: each sends one `InferRequest` and hands back the answer's tensors.

They are loaded when a client is made, because tritonclient's HTTP side alone costs half a second of import.
"""
