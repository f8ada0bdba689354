"""The way in and out: sign-in, second factor, registration, invitation, forgotten password, other providers, sign-out."""
