"""Stage 3: the networks (torch)."""
