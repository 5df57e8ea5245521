"""The command line: arguments to configuration to application; the only composition root."""

from etcdtui.cli.edge import main

__all__ = ["main"]
