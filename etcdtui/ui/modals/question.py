"""What a connection has to ask: a secret, typed without echo, or whether an unknown host key is right."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.spans import Span
from etcdtui.ui.widgets.typed import Typed


class SecretPanel(Panel[str]):
    """Asks for a password or passphrase; Esc declines."""

    def __init__(self, prompt: str) -> None:
        super().__init__("a secret is asked for", "Enter give it · Esc decline")
        self._prompt = prompt

    def extra(self) -> ComposeResult:
        """The field; what is typed is never shown, kept or suggested."""
        field = Typed(password=True, compact=True)
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        """Type at once."""
        self.show(
            [(Span(clean(self._prompt)),), (Span("It is kept in memory until the console ends.", "dim"),)]
        )
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.dismiss(event.value)


class HostKeyPanel(Panel[bool]):
    """Shows an unknown host key; only `y` accepts it."""

    BINDINGS = [  # noqa: RUF012
        Binding("y", "accept", "accept", show=False),
        Binding("n", "close", "refuse", show=False),
    ]

    def __init__(self, host: str, fingerprint: str) -> None:
        super().__init__("unknown host key", "y accept it and add it to known_hosts · n or Esc refuse")
        self._host = host
        self._fingerprint = fingerprint

    def on_mount(self) -> None:
        """Show what there is to compare."""
        self.show(
            [
                (Span("The host key of "), Span(clean(self._host), "strong"), Span(" is not known.")),
                (Span(clean(self._fingerprint), "strong"),),
                (Span("Compare it with what its administrator says before you accept it.", "warn"),),
            ]
        )

    def action_accept(self) -> None:
        """It is the right one."""
        self.dismiss(True)
