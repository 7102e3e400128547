"""Changing something at the plant, from the dialog to the outcome."""
