"""Mails about accounts: queued with what caused them, written and sent later, again and again until the server has them."""
