"""Settings for the tests: the real ones, on a throwaway state folder and a random secret."""

import os
import secrets
import tempfile
from pathlib import Path

_state = tempfile.mkdtemp(prefix="sightline-tests-")
if "PYTEST_XDIST_WORKER" in os.environ:  # it inherits the environment that the process which started it made here
    os.environ["SIGHTLINE_STATE_DIR"] = _state
os.environ.setdefault("SIGHTLINE_STATE_DIR", _state)
os.environ.setdefault("SIGHTLINE_SECRET_KEY", secrets.token_urlsafe(64))
os.environ.setdefault("SIGHTLINE_PUBLIC_URL", "http://127.0.0.1:8000")
os.environ.setdefault("SIGHTLINE_SECOND_FACTOR", "off-on-loopback")  # tests of the policy set it themselves
os.environ.setdefault("SIGHTLINE_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver")
os.environ.setdefault("SIGHTLINE_GRANT_APPROVAL", "0")  # tests of approval switch it on

from hmi.settings import *  # noqa: E402, F403

# A file, as in production: the in-memory test database locks whole tables against readers.
DATABASES["default"]["TEST"] = {"NAME": str(Path(_state) / "test.sqlite3")}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # speed; production keeps Django's default
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
