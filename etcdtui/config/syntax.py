"""YAML text to a tree of nodes that know their lines, or one line that says what is wrong with it."""

from __future__ import annotations

import yaml

from etcdtui.errors import ConfigError
from etcdtui.model.text import clean


def compose(file: str, text: str) -> yaml.Node | None:
    """The root of a document, None for an empty one. Raises ConfigError with the line."""
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(file, mark.line + 1 if mark else None, "", _syntax(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(file, line, "", "expected text without control characters") from None
    except RecursionError:
        raise ConfigError(file, None, "", "is nested too deeply") from None
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
        return None
    return node


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be understood"
    if "'\\t'" in problem:
        return "expected spaces for indentation, found a tab"
    return f"not valid YAML: {clean(problem)}"
