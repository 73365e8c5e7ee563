"""Measuring codecs against each other on a folder of pictures: `nic bench`."""
