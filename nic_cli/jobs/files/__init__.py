"""Which files a command reads, writes and removes, and whether it may."""
