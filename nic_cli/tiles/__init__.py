"""Stage 2: the grid of entropy tiles, and rows of pixels."""
