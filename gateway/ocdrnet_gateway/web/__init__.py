"""The page at `/`, to try the service in a browser."""
