"""`nic models`."""
