"""Files and stores: how an output is replaced as a whole or not at all, near or far."""
