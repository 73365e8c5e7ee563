"""Training; imported by its command only."""
