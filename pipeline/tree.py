"""Trees of settings: read from YAML, changed by `key=value`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ConfigError


def read_tree(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds keys; empty sections become empty dicts.

    Raises:
        ConfigError: names the file.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"configuration {path} is not YAML: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"configuration {path} must hold keys and values, such as 'detector:'")
    # An empty section ("refine:") means its defaults.
    return {key: {} if value is None else value for key, value in tree.items()}


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set what "section.key=value" says in a tree of keys; the value is YAML.

    Raises:
        ConfigError: repeats the override.
    """
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {override!r}: write it as section.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override!r}: the value is not YAML") from error
    node = tree
    for part in parts[:-1]:
        inner = node.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {override!r}: {part} holds a value, not keys")
        node = inner
    node[parts[-1]] = value
