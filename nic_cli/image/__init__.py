"""Stage 1: pictures in files and in memory, upright and in sRGB; the only stage that knows Pillow."""
