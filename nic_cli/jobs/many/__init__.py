"""`nic batch`: one command over an archive, by several processes or machines, on Ray."""
