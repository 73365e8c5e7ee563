"""What is settled before a training's first step."""
