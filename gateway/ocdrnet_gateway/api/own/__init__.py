"""The gateway's own interface: `POST /v1/read`."""
