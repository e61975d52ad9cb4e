"""Load on a served ensemble: locust users, an open loop, and a staircase that finds the knee."""
