"""Stage 5: a `Container` to the bytes of a `.nic` file and back; no torch, no numpy."""
