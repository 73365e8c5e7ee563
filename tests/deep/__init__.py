"""Long trials, by hand: `python -m tests.deep NAME --minutes N`; runs.tsv is what came of them."""
