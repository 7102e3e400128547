"""OAuth for other applications: one person's live grant at one site, lent to a client for minutes at a time.

django-oauth-toolkit keeps clients, codes and tokens. This package ties each of them to exactly one grant
(models.SiteAuthorization), so that it ends when the grant ends. Which grants there are, the app of the sites tells
(places.py): this package knows no site. docs/oauth.md says how a client uses it.
"""
