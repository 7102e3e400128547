"""Shift hand-over: written from the events of the shift, signed by who goes and by who comes."""
