"""The project's own sample images and the program that draws them."""
