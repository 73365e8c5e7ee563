"""Beside the flow: models by name, from folders."""
