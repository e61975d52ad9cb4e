"""Where lines stand on a page: reading order, direction of text, running text, paragraphs."""
