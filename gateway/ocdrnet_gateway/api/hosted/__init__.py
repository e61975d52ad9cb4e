"""The interface of the hosted `ocdrnet` endpoint: assets, the zip answer, polling."""
