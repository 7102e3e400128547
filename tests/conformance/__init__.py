"""Conformance with Microsoft's own Node clients of Azure Relay; docs/conformance.md says what each row proves."""

import pytest

pytest.register_assert_rewrite("tests.conformance.websocket_rows", "tests.conformance.http_rows")
