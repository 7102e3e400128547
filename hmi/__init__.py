"""The web app: live plant screens for phones, and the access that opens them."""
