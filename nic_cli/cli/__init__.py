"""The command line: what a user types, and what they read. The only room of Typer and rich."""
