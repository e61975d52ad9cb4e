"""The page at `/`, to try the service in a browser, and `POST /v1/read`, the one endpoint that it calls."""
