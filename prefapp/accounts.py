"""How people get an account: a lead makes it in the admin; nobody signs up alone."""

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest


class ClosedSignupAdapter(DefaultAccountAdapter):
    """Refuses self-registration; tells who changed a password."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        """Lets the log know that it was the person."""
        user.changed_by = f"user:{user.get_username()}"  # type: ignore[attr-defined]  # for prefapp.people
        super().set_password(user, password)
