"""How people get an account, and who is signed in: a lead makes it in the admin; nobody signs up alone."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpRequest

from annotation import prepared

COLUMNS = tuple(field.attname for field in User._meta.concrete_fields)
FIND = f"SELECT {', '.join(COLUMNS)} FROM auth_user WHERE id = %(user)s"  # noqa: S608 - made of the names of columns


class PasswordBackend(AuthenticationBackend):
    """Finds who is signed in by a prepared statement: every request of a person asks for it."""

    def get_user(self, user_id: int) -> User | None:
        for values in prepared.run(FIND, {"user": user_id}):
            user = User.from_db(connection.alias, COLUMNS, values)
            return user if self.user_can_authenticate(user) else None
        return None


class ClosedSignupAdapter(DefaultAccountAdapter):
    """Refuses self-registration; tells who changed a password."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        """Lets the log know that it was the person."""
        user.changed_by = f"user:{user.get_username()}"  # type: ignore[attr-defined]  # for prefapp.people
        super().set_password(user, password)
