"""Tests of people, roles, sign-in, sessions, access tokens and the issuer."""
