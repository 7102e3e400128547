"""Settings of the web app, from the environment only. There is no default secret: without one it does not start."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from accounts.shipped_notice import SHIPPED as SHIPPED_NOTICE
from hmi import environment
from hmi.bridge_settings import BridgeSettings
from hmi.company_settings import read_companies
from hmi.database_settings import read_database
from hmi.languages.choices import LANGUAGES as SPOKEN
from hmi.languages.choices import SOURCE
from hmi.management_settings import read_management_settings
from hmi.shifts.starts import parse_starts

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = environment.path("STATE_DIR")

# --- where the web app is ------------------------------------------------------------------------------------
PUBLIC_URL = environment.text("PUBLIC_URL").rstrip("/")  # as phones see it, for instance https://hmi.example.com
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"https", "http"} or not _public.hostname:
    raise ImproperlyConfigured("SIGHTLINE_PUBLIC_URL must look like https://hmi.example.com.")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
if _public.scheme == "http" and _public.hostname not in _LOOPBACK:
    raise ImproperlyConfigured("SIGHTLINE_PUBLIC_URL may be plain http on loopback only; use https.")
SECURE = _public.scheme == "https"

DEBUG = False
SECRET_KEY = environment.secret("SECRET_KEY", shortest=50)
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", _public.hostname)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- the bridge to the sites -----------------------------------------------------------------------------------
SIGHTLINE = BridgeSettings(
    state_dir=STATE_DIR,
    issuer=environment.text("ISSUER", PUBLIC_URL).rstrip("/"),
    relay_management=read_management_settings(),
)

# --- apps -------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",  # before staticfiles: makes runserver an ASGI server
    "accounts",
    "accounts.audit",
    "accounts.oauth",
    "hmi.sites",
    "hmi.live",
    "hmi.alarms",
    "hmi.controls",
    "hmi.watch",
    "hmi.notes",
    "hmi.shifts",
    "hmi.ingest",
    "hmi.screens",
    "hmi.api",
    "hmi.languages",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "axes",
    "channels",
    "csp",
    "django_htmx",
    "oauth2_provider",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hmi.screens.compression.PageCompressionMiddleware",
    "accounts.audit.middleware.RequestIdMiddleware",
    "csp.middleware.CSPMiddleware",
    "accounts.session_saving.KeepingSessionMiddleware",  # Django's; pages go on while nothing can be stored
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",  # every view needs a sign-in unless it says otherwise
    "accounts.sessions.SessionLifeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "hmi.languages.middleware.LanguageMiddleware",
    "hmi.screens.middleware.NoStoreMiddleware",
    "axes.middleware.AxesMiddleware",  # last, as its documentation asks
]
ROOT_URLCONF = "hmi.urls"
ASGI_APPLICATION = "hmi.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hmi.screens.context.screen",
            ],
        },
    }
]

# --- data ---------------------------------------------------------------------------------------------------------
DATABASES = {"default": read_database(STATE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# --- people -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "screens:my-sites"
LOGOUT_REDIRECT_URL = "accounts:sign-in"

SESSION_COOKIE_NAME = "__Host-sightline" if SECURE else "sightline"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # seconds; absolute, a shift (accounts.sessions keeps it and the idle limit)
SESSION_IDLE_AGE = 30 * 60  # seconds without a request and without an open live page
SESSION_OPEN_PAGE_IS_USE = environment.flag("OPEN_PAGE_IS_USE", default=True)  # docs/access.md says what it costs
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_HTTPONLY = True  # htmx gets the token from the page's form, never from the cookie

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = ["username"]  # by account; by source address: accounts.sign_in_limits
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
AXES_VERBOSE = False
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or anybody could keep an account locked for ever
AXES_CLIENT_IP_CALLABLE = "accounts.sign_in_limits.source_address"
SILENCED_SYSTEM_CHECKS = ["axes.W006"]  # a limit by account alone is meant: the limit by source is our own
AUDIT_MAX_MB = environment.integer("AUDIT_MAX_MB", 2048, low=1, high=10_000_000)  # warned of at 75 % and 90 %
SUPPORT_CONTACT = environment.text("SUPPORT_CONTACT", "")  # whom a locked-out person may call
# Notes and shift hand-over (docs/notes.md, docs/hand-over.md)
PHOTO_DIR = environment.path("PHOTO_DIR", str(STATE_DIR / "photos"))  # served by no web server, only through grants
NOTES_KEEP_DAYS = environment.integer("NOTES_KEEP_DAYS", 400, low=1, high=10_000)
SHIFT_STARTS = environment.text("SHIFT_STARTS", "06:00 14:00 22:00")  # by each site's own clock
try:
    parse_starts(SHIFT_STARTS)
except ValueError as error:
    raise ImproperlyConfigured(f"SIGHTLINE_SHIFT_STARTS: {error}") from None
HAND_OVER_STEP_UP = environment.flag("HAND_OVER_STEP_UP", default=False)  # confirm who one is before signing
GRANT_APPROVAL = environment.flag("GRANT_APPROVAL", default=True)  # write roles wait for a second person

# --- second factors, step-up, company sign-on (docs/sign-in.md) -----------------------------------------------------
# Who must show a second factor: accounts.factors says what the three mean.
SECOND_FACTOR = environment.choice("SECOND_FACTOR", "always", ("always", "write", "off-on-loopback"))
if SECOND_FACTOR == "off-on-loopback" and (SECURE or _public.hostname not in _LOOPBACK):
    raise ImproperlyConfigured(
        "SIGHTLINE_SECOND_FACTOR=off-on-loopback is for a web app that only this machine reaches, by plain http on "
        "loopback. Leave it out, or choose write."
    )
ACK_STEP_UP = environment.flag("ACK_STEP_UP", default=False)  # confirm who one is before acting on an alarm
SESSIONS_AT_ONCE = environment.integer("SESSIONS_AT_ONCE", 3, low=1, high=20)  # of one person; the oldest ends
USE_NOTICE = environment.text("USE_NOTICE", SHIPPED_NOTICE)
COMPANY_SIGN_ON = read_companies()
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "accounts.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_RECOVERY_CODE_COUNT = 10
MFA_RECOVERY_CODE_DIGITS = 10
SOCIALACCOUNT_ADAPTER = "accounts.adapters.CompanyAdapter"
SOCIALACCOUNT_STORE_TOKENS = False

OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth2_provider.AccessToken"  # noqa: S105 - a model's name
OAUTH2_PROVIDER = {
    "SCOPES_BACKEND_CLASS": "accounts.oauth_scopes.ClosedScopes",
    "OAUTH2_VALIDATOR_CLASS": "accounts.oauth.validator.SiteBoundValidator",
    "OIDC_ISS_ENDPOINT": PUBLIC_URL,  # the issuer's name (RFC 8414, RFC 9207); no OpenID Connect is served
    "OAUTH_PRE_TOKEN_VALIDATION": [],  # the device flow's requests are our own rows (accounts.oauth.devices)
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 12 * 3600,  # without use; from consent it is 12 h as well (accounts.oauth)
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ROTATE_REFRESH_TOKEN": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "PKCE_REQUIRED": True,
    # Every gate of RFC 9700; `manage.py check --deploy` names one that is open.
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}
API_REQUESTS_PER_MINUTE = {  # of the read API; a fresh read counts five times
    "token": environment.integer("API_REQUESTS_OF_TOKEN", 120, low=1, high=100_000),
    "person": environment.integer("API_REQUESTS_OF_PERSON", 240, low=1, high=100_000),
}

# --- mail: reminders that access ends ------------------------------------------------------------------------------
EMAIL_HOST = environment.text("EMAIL_HOST", "")  # without one nothing is sent
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'dummy'}.EmailBackend"
EMAIL_PORT = environment.integer("EMAIL_PORT", 587, low=1, high=65535)
EMAIL_USE_TLS = environment.flag("EMAIL_TLS", default=EMAIL_HOST not in _LOOPBACK)
EMAIL_HOST_USER = environment.text("EMAIL_USER", "")
EMAIL_HOST_PASSWORD = environment.secret("EMAIL_PASSWORD", shortest=1) if EMAIL_HOST_USER else ""
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM", f"sightline@{_public.hostname}")

# --- what leaves the server -----------------------------------------------------------------------------------------
_SELF = ["'self'"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": _SELF,
        "style-src": _SELF,
        "img-src": _SELF,
        "font-src": _SELF,
        "connect-src": [*_SELF, ("wss://" if SECURE else "ws://") + _public.netloc],
        "manifest-src": _SELF,
        "worker-src": _SELF,
        "form-action": _SELF,
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_SSL_REDIRECT = SECURE and environment.flag("SSL_REDIRECT", default=True)
if environment.flag("BEHIND_PROXY", default=False):
    # Only with a front proxy that always sets this header itself (docs/configuration.md).
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # bytes of a form
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# --- static files ---------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "hmi.screens.static_files.ModuleStaticFilesStorage"},
}

LANGUAGE_CODE = SOURCE
LANGUAGES = SPOKEN
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = [BASE_DIR / "hmi" / "locale"]
USE_THOUSAND_SEPARATOR = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": environment.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "daphne": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},  # one line a request would bury the lines that matter
        "axes": {"level": "WARNING"},
        "oauthlib": {"level": "WARNING"},  # its finer lines quote tokens
        "oauth2_provider": {"level": "WARNING"},
        "azure": {"level": "WARNING"},  # the SDK would tell of each step by which it finds its identity
    },
}
