"""Networks of published research systems, as their authors' checkpoints need them."""
