"""Work on files, usable without the command line: plans, pipelines, encoding and decoding jobs."""
