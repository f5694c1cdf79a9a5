"""Sessions in the database, found by a prepared statement: every request of a person begins with it."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db

from annotation import prepared

FIND = """
SELECT session_key, session_data, expire_date FROM django_session WHERE session_key = %(key)s AND expire_date > now()
"""


class SessionStore(db.SessionStore):
    """Django's, save for the finding."""

    def _get_session_from_db(self) -> Any:
        # A cookie may say anything; the database takes no NUL.
        if "\0" not in (self.session_key or ""):
            for key, data, expires in prepared.run(FIND, {"key": self.session_key}):
                return self.model(session_key=key, session_data=data, expire_date=expires)
        self._session_key = None
        return None
