"""For locust: `locust -f deploy/loadtest/locustfile.py --host grpc://127.0.0.1:8001`, then open its web page."""

from ocdrnet_loadtest.locust_users import GrpcUser, HttpUser

__all__ = ["GrpcUser", "HttpUser"]
