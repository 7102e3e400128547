"""People and what they may do: users, roles, sessions, access tokens and the site token issuer. Knows no site."""
