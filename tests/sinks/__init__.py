"""Receivers for what the product sends: a mail server and a web server that can be told to misbehave."""
