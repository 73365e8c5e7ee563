"""What single formats need beside Pillow: plugins, planes of TIFF, 16 bits in colour, JPEG XL's boxes."""
