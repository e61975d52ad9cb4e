"""What `ocdrnet loadtest --users` gives to locust; `deploy/loadtest/locustfile.py` is the same for a checkout."""

from ocdrnet_loadtest.locust_users import GrpcUser, HttpUser

__all__ = ["GrpcUser", "HttpUser"]
