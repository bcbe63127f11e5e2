"""Tokens and logins: who may call the server, and how clients and jobs get their credentials."""
