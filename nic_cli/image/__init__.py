"""Stage 1: pictures in files and in memory, upright, under a profile or in sRGB; Pillow's only stage."""
