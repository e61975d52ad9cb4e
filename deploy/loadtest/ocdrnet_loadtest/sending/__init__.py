"""Ways to send an image from an event loop, light enough that the generator does not become the bottleneck."""
