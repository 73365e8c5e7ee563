"""Where results go: which outputs a command means, and how one is replaced as a whole or not at all."""
