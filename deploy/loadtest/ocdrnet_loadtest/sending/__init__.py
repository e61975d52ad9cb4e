"""Ways to send a picture from an event loop, light enough that the generator does not become the bottleneck."""
