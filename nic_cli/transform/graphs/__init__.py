"""A native model as ONNX graphs, which other programs run: `networks` has each, `readme` tells of them."""
