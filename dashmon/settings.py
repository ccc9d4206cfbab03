"""Every setting, read from the environment. The defaults are the embedded mode: no service needed."""

from pathlib import Path
from typing import Any

import environ

from apps.common.hosts import FACES
from dashmon import __version__
from dashmon.environment import choice, face_ports, flag, kept_secret, sms_provider, text, words

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(text("DASHMON_DATA_DIR", str(BASE_DIR / "data")))

# --- What the operator decides -------------------------------------------------------------------
PROFILE = choice("DASHMON_PROFILE", "self_hosted", frozenset({"self_hosted", "saas"}))
SIGNUP = choice(
    "DASHMON_SIGNUP", "open" if PROFILE == "saas" else "first_run", frozenset({"first_run", "invite", "open"})
)
HOST = text("HOST", "127.0.0.1")
PORT = int(text("PORT", "8000"))
BASE_URL = text("DASHMON_BASE_URL").rstrip("/")
TENANT_DOMAIN = text("DASHMON_TENANT_DOMAIN")
# More ports of the server, each the front end of another product for the default workspace.
FACE_PORTS = face_ports("DASHMON_FACE_PORTS", FACES)
DEFAULT_WORKSPACE = text("DASHMON_DEFAULT_WORKSPACE")
BACKGROUND = text("DASHMON_BACKGROUND", "auto")
RATE_LIMITS = flag("DASHMON_RATE_LIMITS", default=True)
EGRESS_ALLOW = words("DASHMON_EGRESS_ALLOW") if text("DASHMON_EGRESS_ALLOW") else None
EGRESS_DENY = words("DASHMON_EGRESS_DENY")
PROBE_RESOLVERS = words("DASHMON_PROBE_RESOLVERS")
PROBE_CA_FILE = text("DASHMON_PROBE_CA_FILE")
PROBE_RDAP_URL = text("DASHMON_PROBE_RDAP_URL")
TRUSTED_PROXIES = words("DASHMON_TRUSTED_PROXIES")
# What monitoring of this installation shows to read /metrics from elsewhere.
OPERATOR_TOKEN = text("DASHMON_OPERATOR_TOKEN")
LOG_FORMAT = choice("DASHMON_LOG_FORMAT", "auto", frozenset({"auto", "json", "text"}))
VERSION = __version__

# --- Secrets -------------------------------------------------------------------------------------
SECRET_KEY = text("SECRET_KEY") or kept_secret(DATA_DIR / "secret-key")
# The first key encrypts, all of them decrypt: a new key goes in front, old ones stay until re-encrypted.
ENCRYPTION_KEYS = words("DASHMON_ENCRYPTION_KEYS") or [SECRET_KEY]

DEBUG = False
# HostMiddleware decides (docs/architecture.md, hosts and paths); Django's own list stays out of its way.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "lucide",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "apps.accounts",
    "apps.workspaces",
    "apps.tokens",
    "apps.audit",
    "apps.projects",
    "apps.devices",
    "apps.nodes",
    "apps.metrics",
    "apps.traffic",
    "apps.alerts",
    "apps.incidents",
    "apps.notifications",
    "apps.statuspages",
    "apps.reports",
    "apps.checks",
    "apps.operations",
    "apps.web",
]

MIDDLEWARE = [
    "dashmon.middleware.RequestIdMiddleware",
    "dashmon.middleware.ForwardedMiddleware",
    "dashmon.middleware.HostMiddleware",
    "dashmon.middleware.PolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashmon.middleware.ActivityMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "dashmon.urls"
ASGI_APPLICATION = "dashmon.asgi.application"
APPEND_SLASH = False

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
                "apps.web.context.shell",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Database, cache, queue ----------------------------------------------------------------------
REDIS_URL = text("REDIS_URL")


def database(url: str) -> dict[str, Any]:
    """PostgreSQL or SQLite by URL; without one a SQLite file in the data folder."""
    if not url:
        url = f"sqlite:///{DATA_DIR / 'dashmon.sqlite3'}"
    config: dict[str, Any] = environ.Env.db_url_config(url)
    if config["ENGINE"].endswith("sqlite3"):
        config["ENGINE"] = "dashmon.sqlite"
        # Tests use a real file too: threads and processes meet there as they do in production.
        config["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
        # Writers queue from BEGIN on, so a read that turns into a write can never be refused.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;"
                "PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY;"
            ),
        }
    else:
        config["CONN_HEALTH_CHECKS"] = True
        config["OPTIONS"] = {
            # One for each loop of an embedded background (dashmon/background.py), and as many for requests. Without a
            # database everybody hears so before a load balancer's usual patience of five seconds is over.
            # The pool doubles its pauses between two vain tries for as long as it may try: after an outage of minutes
            # it would not look for minutes more. Having given up, it tries anew for whoever comes next.
            "pool": {"min_size": 0, "max_size": 32, "timeout": 4, "reconnect_timeout": 2},
            # A server that vanished without a word is noticed in seconds, not in the quarter of an hour of TCP.
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "tcp_user_timeout": 20_000,
        }
    return config


DATABASES = {"default": database(text("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# --- Sign-in -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "apps.accounts.passwords.GuessableValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/app/"
ACCOUNT_ADAPTER = "apps.web.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Asked for before the first monitor, not before the first session (apps.accounts.verification).
ACCOUNT_EMAIL_VERIFICATION = "optional" if PROFILE == "saas" else "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True
# Wrong passwords: 20 a minute and address as the Dashmon API promises for its sign-in routes, 20 in five minutes
# and account from wherever.
ACCOUNT_RATE_LIMITS: dict[str, str] | bool = {"login_failed": "20/m/ip,20/5m/key"} if RATE_LIMITS else False
MFA_ADAPTER = "apps.web.adapter.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Dashmon"
# Plain HTTP to localhost is a secure context for browsers; a first run has nothing else.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not BASE_URL.startswith("https://")
USERSESSIONS_TRACK_ACTIVITY = True

SESSION_COOKIE_NAME = "dashmon_session"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = BASE_URL.startswith("https://")
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_COOKIE_NAME = "dashmon_csrf"
CSRF_FAILURE_VIEW = "apps.web.errors.csrf_failure"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- E-mail --------------------------------------------------------------------------------------
EMAIL_URL = text("EMAIL_URL")
if EMAIL_URL:
    vars().update(environ.Env.email_url_config(EMAIL_URL))
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = text("DASHMON_EMAIL_FROM", "Dashmon <dashmon@localhost>")

# --- SMS and chat services -----------------------------------------------------------------------
SMS = sms_provider(text("SMS_URL"))
# Services with one address in the world; a mirror or a test has another.
TELEGRAM_URL = text("DASHMON_TELEGRAM_URL", "https://api.telegram.org").rstrip("/")
PUSHOVER_URL = text("DASHMON_PUSHOVER_URL", "https://api.pushover.net").rstrip("/")
PUSHBULLET_URL = text("DASHMON_PUSHBULLET_URL", "https://api.pushbullet.com").rstrip("/")

# --- Pages ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Static files are served from where they lie; nothing has to be collected before the first start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
MEDIA_ROOT = DATA_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Dashmon API",
    "VERSION": "2026-04-05",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
}

LOGGING_CONFIG = None
