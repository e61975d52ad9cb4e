"""What writes files of this project from others of it; nothing here is installed."""
