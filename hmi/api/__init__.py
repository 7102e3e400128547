"""The read API for third parties, /api/v1/: what a person's pages show, as JSON, under that person's own grant."""
