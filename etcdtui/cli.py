"""The command line: arguments to configuration to application; the only composition root."""


def main() -> int:
    """Run the command; the process exit code."""
    raise SystemExit("being built")
