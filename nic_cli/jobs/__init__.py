"""Work on files, without Typer: plans, pipelines, encoding and decoding jobs; notices go to a Console."""
