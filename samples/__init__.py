"""The project's own sample pictures and the program that draws them."""
