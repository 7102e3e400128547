"""The use notice that Sightline ships with, for the settings: they are read before Django can translate anything."""

SHIPPED = "Only people whom the operator of the plant has admitted may use this system. What you do here is recorded."
