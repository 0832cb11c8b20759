"""Reads the broker's configuration file."""

from __future__ import annotations

from pathlib import Path

from gov.control.config import HINT, Config, parse
from gov.errors import ConfigError


def load(path: Path) -> Config:
    """The configuration in the file `path`.

    Raises:
        ConfigError: the file cannot be read, or what it says is wrong, line by line.
    """
    return parse(str(path), read(path), path.resolve().parent)


def read(path: Path) -> str:
    """The text of a configuration or policy file.

    Raises:
        ConfigError: it cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {(error.strerror or 'no reason given').lower()}", hint=HINT) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}", hint="save it as UTF-8") from None
