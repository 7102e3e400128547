"""Addresses of signing in and out, of second factors, and of a person's own account."""

from __future__ import annotations

from django.urls import path

from accounts import account_views, company_sign_on, factor_views, preferences, second_step, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-in/passkey/", second_step.passkey_sign_in, name="passkey-sign-in"),
    path("sign-in/passkey/question/", second_step.passkey_question, name="passkey-question"),
    path("sign-in/second-factor/", second_step.second_factor, name="second-factor"),
    path("sign-in/company/<slug:company>/", company_sign_on.start, name="company-start"),
    path("sign-in/company/<slug:company>/callback/", company_sign_on.callback, name="company-callback"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("confirm/", second_step.confirm, name="confirm"),
    path("account/sign-ins/", account_views.sign_ins, name="sign-ins"),
    path("account/password/", account_views.change_password, name="password"),
    path("account/preferences/", preferences.preferences, name="preferences"),
    path("language/", preferences.language, name="language"),
    path("account/factors/", factor_views.overview, name="factors"),
    path("account/factors/<int:factor_id>/remove/", factor_views.remove, name="remove-factor"),
    path("account/factors/recovery-codes/", factor_views.recovery_codes, name="recovery-codes"),
    path("account/factors/company/<slug:company>/", company_sign_on.connect, name="company-connect"),
    path("set-up/", factor_views.set_up, name="set-up"),
    path("set-up/app/", factor_views.set_up_app, name="set-up-app"),
    path("set-up/app/picture.svg", factor_views.app_picture, name="app-picture"),
    path("set-up/passkey/", factor_views.add_passkey, name="add-passkey"),
    path("set-up/passkey/question/", factor_views.enrolment_question, name="enrolment-question"),
]
