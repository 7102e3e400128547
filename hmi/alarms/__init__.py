"""Alarms for people: how the list is arranged and shown, acknowledging and shelving, the journal and its figures."""
