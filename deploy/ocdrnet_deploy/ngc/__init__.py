"""NVIDIA's networks, brought from NGC into the cache: key, licence, download with resume, checksums."""
