"""Accounts: how they come to be, how people sign in and prove who they are. `Accounts` is what pages and parts use."""
