"""Which networks there are, and what describes one."""
