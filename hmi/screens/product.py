"""The product's name, as every page, the manifest and the installed app say it."""

PRODUCT = "Sightline"
