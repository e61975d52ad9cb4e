"""What is made of the recognizer's output: characters, words, lines that stand on their head."""
