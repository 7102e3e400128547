"""Everything between the web app and the plant. Runs without Django (docs/architecture.md)."""
