"""Members and annotators of projects; users and groups of the instance, for superusers alone."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, BaseDialogForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from annotation import golds, projects, routing
from annotation.admin import texts
from annotation.admin.dialogs import dialog, go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Figure, Page, Step, fields, list_url, row_url
from annotation.admin.scope import LeadAdmin, actor, is_superuser, may_work
from annotation.admin.texts import shown
from annotation.models import Annotator, Assignment, Judgment, Member


class MemberForm(forms.ModelForm):
    """Names the person instead of offering everybody's names to choose from."""

    username = forms.CharField(label="User name", max_length=150, widget=UnfoldAdminTextInputWidget())

    class Meta:
        model = Member
        fields = ("project", "role")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if not User.objects.filter(username=name).exists():
            raise forms.ValidationError(f"There is no user “{name}”.")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if Member.objects.filter(
            project=data.get("project"), role=data.get("role"), user__username=data.get("username")
        ).exists():
            raise forms.ValidationError("That person has that role already.")
        return data


class MemberQuestion(QuestionFilter):
    questions = {role.value: Question(f"{role.label}s", Q(role=role)) for role in Member.Role}


@admin.register(Member)
class MemberAdmin(LeadAdmin):
    form = MemberForm
    list_display = (
        shown("user", texts.isolated, "person"),
        "role",
        texts.PROJECT,
        shown("created_at", texts.when, "since"),
    )
    list_select_related = ("user", "project")
    list_filter = (MemberQuestion, ProjectFilter)
    search_fields = ("user__username",)
    search_help_text = "Beginning of a user name"
    actions = ("remove",)
    empty_text = "Without annotators of its own a project is open to everybody who may sign in."
    fieldsets = fields("user", "role", "project", shown("created_at", texts.when, "since"))
    add_fieldsets = fields("username", "role", "project")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # Who leads is for superusers to say.
        if db_field.name == "role" and not is_superuser(request):
            kwargs["choices"] = [(Member.Role.ANNOTATOR.value, Member.Role.ANNOTATOR.label)]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Member, form: MemberForm, change: bool) -> None:
        """Adds the member through annotation.projects."""
        user = User.objects.get(username=form.cleaned_data["username"])
        made = projects.add_member(obj.project, user, Member.Role(obj.role), actor=actor(request))
        obj.__dict__.update(made.__dict__)
        if obj.role == Member.Role.LEAD and not user.is_staff:
            note = f"{user} cannot open the admin before “Staff status” is set on their user page."
            self.message_user(request, note, messages.WARNING)

    @admin.action(description="Remove from the project")
    def remove(self, request: HttpRequest, members: QuerySet[Member]) -> None:
        """Takes the role away; judgments stay."""
        if not is_superuser(request) and members.filter(role=Member.Role.LEAD).exists():
            self.message_user(request, "Who leads a project is for administrators to say.", messages.ERROR)
            return
        names = []
        for member in members.select_related("user", "project"):
            projects.remove_member(member, actor=actor(request))
            names.append(f"{member.user} from {member.project}")
        self.message_user(request, f"Removed {', '.join(names)}. Their judgments stay.", messages.SUCCESS)


class TagsForm(BaseDialogForm):
    """The tags of an annotator, all of them."""

    tags = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Separated by commas, such as: french, medicine. These take the place of all that are there.",
    )

    def __init__(self, request: HttpRequest, object_id: str = "", *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.fields["tags"].initial = ", ".join(Annotator.objects.get(pk=object_id).tags)


SET_TAGS = dialog(
    "What can this annotator be asked about?",
    "Projects and comparisons that require a tag go to those who have it. What is held already stays.",
    "Set tags",
    TagsForm,
)


class AnnotatorQuestion(QuestionFilter):
    questions = {
        "people": Question("People", Q(user__isnull=False)),
        "programs": Question("Programs", Q(user=None)),
    }


@admin.register(Annotator)
class AnnotatorAdmin(LeadAdmin):
    list_display = (shown("name", texts.isolated, "annotator"), "judged", "golds", "repeats", "tagged", "balance",
                    texts.PROJECT, shown("created_at", texts.when, "first seen"))  # fmt: skip
    list_select_related = ("project",)
    list_filter = (AnnotatorQuestion, ProjectFilter)
    search_fields = ("name",)
    search_help_text = "Beginning of a name"
    empty_text = "Somebody becomes an annotator of a project with the first comparison they are shown."
    fieldsets = fields(
        shown("name", texts.isolated, "name"), "project", "tagged", "balance",
        shown("created_at", texts.when, "first seen")
    )  # fmt: skip
    actions_detail = ("set_tags",)

    def complete(self, rows: list[Annotator]) -> list[Annotator]:
        checks = golds.check_annotators([row.pk for row in rows])
        for row in rows:
            row.checks = checks[row.pk]  # type: ignore[attr-defined]  # for the columns beside
        return rows

    def page(self, request: HttpRequest, row: Annotator) -> Page:
        checks = golds.check_annotators([row.pk])[row.pk]
        leases = list_url(Assignment, annotator__id__exact=row.pk)
        live = row.assignments.filter(state=Assignment.State.LEASED).count()
        judgments = list_url(Judgment, project=row.project.slug, source_type__exact="human", source_id__exact=row.name)
        return Page(
            steps=[
                Step("Project", row.project.name, row_url(row.project)),
                Step("Annotator", row.name),
                Step("Leases", "all", leases),
                Step("Judgments", "by this name", judgments),
            ],
            figures=[Figure("Judged", f"{row.judged:,}", leases + "&show=judged"),
                     Figure("Held now", f"{live:,}", leases + "&show=leased"),
                     *([Figure("Golds judged rightly", f"{checks.right} of {checks.golds}")] if checks.golds else []),
                     *([Figure("Repeats judged as before", f"{checks.same} of {checks.repeats}")]
                       if checks.repeats else [])],
        )  # fmt: skip

    @admin.display(description="golds right")
    def golds(self, row: Any) -> SafeString | str:
        checks: golds.Checks = row.checks
        if not checks.golds:
            return "—"
        told = f"{checks.right} of {checks.golds}"
        return texts.badge(told, "bad") if checks.has_failed else told

    @admin.display(description="repeats the same")
    def repeats(self, row: Any) -> str:
        checks: golds.Checks = row.checks
        return f"{checks.same} of {checks.repeats}" if checks.repeats else "—"

    @action(description="Set tags…", permissions=["view"], url_path="tags", icon="sell", dialog=SET_TAGS)
    def set_tags(self, request: HttpRequest, form: TagsForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        try:
            routing.set_tags(row, form.cleaned_data["tags"].split(","), actor=actor(request))
            self.message_user(request, f"Tags of {row}: {', '.join(row.tags) or 'none'}.", messages.SUCCESS)
        except routing.TagError as error:
            self.message_user(request, f"The tags are as before: {error}", messages.ERROR)
        return go_to(request, row_url(row))

    @admin.display(description="tags")
    def tagged(self, row: Annotator) -> SafeString | str:
        return texts.isolated(", ".join(row.tags))

    @admin.display(description="sides")
    def balance(self, row: Annotator) -> str:
        if row.side_balance == 0:
            return "balanced"
        return f"{abs(row.side_balance)} more with the {'first' if row.side_balance > 0 else 'second'} output left"


class SuperuserAdmin(ModelAdmin):
    """For superusers alone, whatever model permissions somebody was granted. Nobody is deleted, only switched off."""

    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# Nobody signs in or is written to by e-mail here; the address stands on the user's page.
admin.site.unregister(EmailAddress)
admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(SuperuserAdmin, DjangoUserAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    add_fieldsets = DjangoUserAdmin.add_fieldsets  # the theme has none, and comes first
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> User | None:
        """The person, with who may be about to change them, for the log (prefapp.people)."""
        user: Any = super().get_object(request, *args, **kwargs)
        if user is not None:
            user.changed_by = actor(request)
        return user

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Saves, with who did it."""
        obj.changed_by = actor(request)
        super().save_model(request, obj, form, change)

    @method_decorator(transaction.atomic)
    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Changes a password, in one transaction with its event."""
        return super().user_change_password(request, *args, **kwargs)


@admin.register(Group)
class GroupAdmin(SuperuserAdmin, DjangoGroupAdmin):
    pass
