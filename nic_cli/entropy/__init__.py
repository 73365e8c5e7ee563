"""Stage 4: the symbols of a tile to one stream of bytes and back, by integer tables alone."""
