"""What `nic view` is made of: a server for this machine alone, the pictures that it shows, and its page."""
