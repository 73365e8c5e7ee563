"""What a picture says beside its pixels: where it stands in files of each kind, and what becomes of it."""
