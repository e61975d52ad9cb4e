"""How fast the served ensemble is, against named peers, in one run on one machine."""
