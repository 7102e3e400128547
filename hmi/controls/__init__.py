"""Changing something at the plant: what may be changed, whether it may be now, and a change's way to its outcome."""
