"""Sending mail by SMTP. What is sent, to whom and again when it failed is decided above; nothing is kept here."""
