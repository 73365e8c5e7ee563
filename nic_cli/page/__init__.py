"""The page of `nic view` and of `nic web`: each adds its source.js, where the pictures come from."""
