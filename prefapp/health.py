"""What a supervisor or load balancer asks: does this process live, and can the whole do its work?"""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from prefapp.celery import app as celery_app

ANSWER_SECONDS = 1.0


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Database, broker and a Celery worker answer: 200, or 503 that names what does not."""
    checks: dict[str, Callable[[], bool]] = {"database": _database, "broker": _broker, "worker": _worker}
    answers = {name: "ok" if check() else "no answer" for name, check in checks.items()}
    return JsonResponse(answers, status=200 if set(answers.values()) == {"ok"} else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _broker() -> bool:
    timeouts = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    with Redis.from_url(settings.REDIS_URL, **timeouts) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


def _worker() -> bool:
    if not _broker():
        return False  # nobody could be asked, and Celery would try to connect for a long time
    try:
        return bool(celery_app.control.ping(timeout=ANSWER_SECONDS, limit=1))
    except OperationalError:
        return False
