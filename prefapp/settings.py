"""The one settings file; every deployment differs only in its environment (see .env.example)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONCE, NONE, SELF
from django.templatetags.static import static
from kombu import Queue

from prefapp import embedded

# Lets Django's generic classes (ModelAdmin, Paginator, …) take their type parameters at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(str(BASE_DIR / ".env"))

DATA_DIR = BASE_DIR / env.str("PREFAPP_DATA_DIR", "var")
# Finished snapshots and the temporary folders they are built in.
SNAPSHOT_DIR = Path(env.str("PREFAPP_SNAPSHOT_DIR", str(DATA_DIR / "snapshots")))

# With a bucket, finished snapshots go there instead, and the folder holds only what is being built. Credentials are
# those that AWS's own tools look for.
SNAPSHOT_S3_BUCKET = env.str("SNAPSHOT_S3_BUCKET", "")
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if SNAPSHOT_S3_BUCKET:
    STORAGES["snapshots"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": SNAPSHOT_S3_BUCKET,
            "location": env.str("SNAPSHOT_S3_PREFIX", ""),
            "endpoint_url": env.str("SNAPSHOT_S3_ENDPOINT", "") or None,
            "region_name": env.str("SNAPSHOT_S3_REGION", "") or None,
            "addressing_style": env.str("SNAPSHOT_S3_ADDRESSING_STYLE", "") or None,
        },
    }
# The Hugging Face Hub that snapshots are pushed to; its client's own default when unset.
HUB_ENDPOINT = env.str("HUB_ENDPOINT", "")

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "") or embedded.secret_key(DATA_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "corsheaders",
    "csp",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "prefapp",
    "annotation",
    "exports",
]

MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "prefapp.policy.ContentSecurityPolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "prefapp.urls"
WSGI_APPLICATION = "prefapp.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Databases. An unset URL means the embedded server of the data directory.
DATABASE_URL = env.str("DATABASE_URL", "") or embedded.database_url(DATA_DIR)
REDIS_URL = env.str("REDIS_URL", "") or embedded.redis_url(DATA_DIR)
USES_EMBEDDED_DATABASE = not env.str("DATABASE_URL", "")
USES_EMBEDDED_REDIS = not env.str("REDIS_URL", "")

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **embedded.django_database(DATABASE_URL),
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sessions stand in the database and the cache may go away, so that people can work on while Redis does not answer.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "prefapp.cache.ForgivingCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},
    },
    # For what is asked at every judgment, where asking Redis would take a tenth of its time.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}},
}
SESSION_ENGINE = "prefapp.sessions"

# Log-in
AUTHENTICATION_BACKENDS = ["prefapp.accounts.PasswordBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "prefapp.accounts.ClosedSignupAdapter"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Language and time
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# Static files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Finders serve the files as they are, so no collectstatic step stands between a clone and a running server.
WHITENOISE_USE_FINDERS = True

# Security
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", False)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", False)
if env.bool("BEHIND_TLS_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Opens /metrics to other machines; without it only this one may read them.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
# Webhooks go to public addresses by HTTPS; this lets them go anywhere, such as to a service of the same network.
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.bool("WEBHOOKS_TO_PRIVATE_ADDRESSES", False)
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # Images of model output are never loaded from elsewhere; the page may show its own and inlined ones.
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
# The admin theme evaluates Alpine expressions and sets inline styles; only /admin/ gets this policy.
ADMIN_CONTENT_SECURITY_POLICY = {
    "default-src": [SELF],
    "script-src": [SELF, NONCE, "'unsafe-eval'"],
    "style-src": [SELF, "'unsafe-inline'"],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
    "form-action": [SELF],
}

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "annotation.api.auth.ApiKeyAuthentication",
        "annotation.api.auth.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["annotation.api.throttling.KeyThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["annotation.api.parsers.SoundJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "annotation.api.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
# What pages of other origins may call; annotation.api.cors allows the origins that the project's browser keys list.
CORS_URLS_REGEX = r"^/api/v1/projects/(?P<slug>[-\w]+)/feedback/$"
CORS_ALLOW_METHODS = ["POST"]
CORS_ALLOW_HEADERS = ["authorization", "content-type"]
CORS_EXPOSE_HEADERS = ["retry-after"]
CORS_PREFLIGHT_MAX_AGE = 600
SPECTACULAR_SETTINGS = {
    "TITLE": "Prefapp API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "OAS_VERSION": "3.1.0",
    # What is sent and what is answered have schemas of their own: what is sent is closed.
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1/projects/\{slug\}",
    "ENUM_NAME_OVERRIDES": {
        "ComparisonKind": "annotation.models.Comparison.Kind",
        "FeedbackKind": "annotation.models.Feedback.Kind",
        "FeedbackState": ["joined", "waiting", "orphaned", "mismatched", "retracted", "erased"],
        "Outcome": "annotation.models.Judgment.Outcome",
        "Pairing": "annotation.models.Project.Pairing",
        "ProjectStatus": "annotation.models.Project.Status",
        "RecordResult": ["created", "duplicate", "refused", "conflict"],
        "RecordState": ["joined", "waiting", "sampled_out"],
        "QueueOrder": "annotation.models.Project.Order",
        "SourceType": "annotation.models.SourceType",
    },
    "AUTHENTICATION_WHITELIST": [],  # annotation.api.schema describes both ways
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "annotation.api.schema.complete",
        "annotation.api.api_links.add_own_links",
        "exports.api.api_links.add_own_links",
    ],
}

# Celery
CELERY_BROKER_URL = embedded.celery_broker_url(REDIS_URL)
# A broker that hangs is one that does not answer: whoever sends a task goes on, and a sweeper sends it again.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 5,
    "socket_timeout": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TASK_IGNORE_RESULT = True  # a task's state stands in a row, not in the broker
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A worker without -Q takes from all; where builds are long or critics slow, give each queue workers of its own.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("builds"), Queue("critics")]
CELERY_TASK_ROUTES = {
    "annotation.ask_critic": {"queue": "critics"},
    "exports.build": {"queue": "builds"},
    "exports.build_shard": {"queue": "builds"},
    "exports.deliver_webhooks": {"queue": "builds"},
    "exports.apply_retention": {"queue": "builds"},
    "exports.push_snapshot": {"queue": "builds"},
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Beat reads its schedule from the database, where the schedules of snapshots stand, and writes this one there as well.
CELERY_BEAT_SCHEDULER = "prefapp.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")  # for a beat started with another scheduler


def _every(seconds: float, task: str) -> dict[str, Any]:
    """A periodic task. What a worker could not do in time is dropped: the next beat asks for the same again."""
    # One name is for Celery's own schedulers, the other for the database's, which takes whole seconds.
    return {"task": task, "schedule": seconds, "options": {"expires": seconds, "expire_seconds": round(seconds)}}


CELERY_BEAT_SCHEDULE = {
    "seal-logs": _every(2.0, "annotation.seal_logs"),
    "expire-leases": _every(15.0, "annotation.expire_leases"),
    "fit-leases": _every(300.0, "annotation.fit_leases"),
    "watch-waiting-feedback": _every(60.0, "annotation.watch_waiting_feedback"),
    "deliver-webhooks": _every(5.0, "exports.deliver_webhooks"),
    "resume-critics": _every(5.0, "annotation.resume_critics"),
    "tally-pairs": _every(10.0, "annotation.tally_pairs"),
    "resume-snapshots": _every(5.0, "exports.resume_snapshots"),
    "apply-retention": _every(3600.0, "exports.apply_retention"),
}

UNFOLD = {
    "SITE_TITLE": "Prefapp",
    "SITE_HEADER": "Prefapp",
    "SITE_ICON": lambda _: static("favicon.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("favicon.svg")}],
    "SITE_URL": "/",
    "STYLES": [lambda _: static("admin.css")],
    "DASHBOARD_CALLBACK": "exports.admin.start.start_page",
    "SIDEBAR": {"navigation": "annotation.admin.navigation.sidebar"},
    "TABS": "annotation.admin.navigation.tabs",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING")},
}
