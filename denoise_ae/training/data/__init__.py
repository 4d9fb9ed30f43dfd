"""Training data: digits, photographs, and the noise that is added."""
