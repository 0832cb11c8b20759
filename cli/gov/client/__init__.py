"""The broker as commands see it: configuration, tokens, login and the control API."""
