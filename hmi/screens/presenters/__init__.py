"""Presenters turn catalog and readings into plain frozen values that templates print. Pure: no clock, no I/O."""
