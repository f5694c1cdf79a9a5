"""Pages of annotators and leads."""

from django.urls import URLPattern, path

from annotation.views import analysis, annotate, answers, dashboard, home

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("return/", home.return_work, name="return_work"),
    path("annotate/<slug:slug>/", annotate.annotate, name="annotate"),
    path("annotate/<slug:slug>/judge/", answers.judge, name="judge"),
    path("annotate/<slug:slug>/skip/", answers.skip, name="skip"),
    path("annotate/<slug:slug>/flag/", answers.flag, name="flag"),
    path("annotate/<slug:slug>/undo/", answers.undo, name="undo"),
    path("annotate/<slug:slug>/next/", annotate.next_comparisons, name="next"),
    path("annotate/<slug:slug>/renew/", annotate.renew, name="renew"),
    path("annotate/<slug:slug>/release/", annotate.release, name="release"),
    path("annotate/<slug:slug>/guidelines/", annotate.guidelines, name="guidelines"),
    path("projects/<slug:slug>/", dashboard.dashboard, name="dashboard"),
    path("projects/<slug:slug>/quality/", analysis.analysis, name="analysis"),
]
