"""Networks: which there are, where their weights come from, and how their graphs become the pipeline's contract."""
