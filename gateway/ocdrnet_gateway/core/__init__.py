"""What every interface shares: who calls, how much at once, memory, reading, logs, metrics."""
