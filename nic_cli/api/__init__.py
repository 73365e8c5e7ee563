"""The Python API behind the calls of `nic_cli`, which says what each takes."""
