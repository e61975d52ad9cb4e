"""FP16, bfloat16 and INT8: how a network is converted, and whether it still agrees with the original."""
