"""For all tests: the audit trail starts anew where a test emptied the rest of the database.

Nothing in the product can empty the trail, ``manage.py flush`` included, which is what ends a transactional test.
"""

from __future__ import annotations

import pytest

from tests.support.audit_trail import forget_events_after_flush


@pytest.fixture(scope="session", autouse=True)
def _audit_trail_of_each_test() -> None:
    forget_events_after_flush()
