"""The languages that people read Sightline in: which there are, whose is which, and the catalogues of texts."""
