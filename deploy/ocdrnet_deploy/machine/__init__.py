"""What a machine and an interpreter must offer before Triton can be served on it.

The installer imports this folder before anything is installed, with whatever Python the machine has. So it imports the
standard library alone, and runs on Python 3.8.
"""
