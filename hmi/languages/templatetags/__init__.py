"""Template filters of the languages."""
