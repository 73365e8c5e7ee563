"""What a training can ask for: bits in `rate`, everything about pixels by name in `distortion`."""
