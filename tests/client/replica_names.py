"""Runs the name server of `replica_hosts`: IP, FILE."""

import sys

from replica_hosts import serve_names

serve_names(*sys.argv[1:])
