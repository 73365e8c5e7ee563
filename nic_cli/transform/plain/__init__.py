"""Native models without torch: the engine in numpy, for pictures that are done before torch is imported."""
