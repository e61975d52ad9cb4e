"""A small set with truth at word level, drawn by the project, to hold accuracy in CI: see README.md."""
