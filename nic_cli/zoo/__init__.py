"""Beside the flow: models by name, from the hub, from folders."""
