"""Days as people write them in the language that is spoken now; ``static/js/words.js`` writes the same ones live.

Not strftime and not the formats of Django: a month must not depend on the server's locale, and the page's script has to
say the very same day. So the months and the order of a date are texts of the catalogue like all others.
"""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext, gettext_lazy

# One text, so that "May" and "Mar" need no explanation: twelve words with a space between.
MONTHS = gettext_lazy("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")


def date_text(day: date) -> str:
    """``3 Dec 2026``; in German ``3. Dez. 2026``."""
    return gettext("{day} {month} {year}").format(day=day.day, month=_month(day), year=day.year)


def day_text(day: date) -> str:
    """``3 Dec``, where the year is plain."""
    return gettext("{day} {month}").format(day=day.day, month=_month(day))


def _month(day: date) -> str:
    return str(MONTHS).split(" ")[day.month - 1]
