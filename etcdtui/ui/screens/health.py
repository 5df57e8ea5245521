"""The health check's result: each endpoint as etcdctl prints it, and the findings; run again at will."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import cycle

from textual.binding import Binding
from textual.timer import Timer

from etcdtui.model.health import EndpointHealth, HealthReport, Severity
from etcdtui.model.text import clean
from etcdtui.ui.modals.panel import Panel
from etcdtui.ui.spans import Line, Span, cut

SIGN = {Severity.OK: ("✔", "ok"), Severity.WARNING: ("▲", "warn"), Severity.CRITICAL: ("✖", "bad")}


def _verdict(item: EndpointHealth) -> Span:
    if item.health is None:
        return Span("◐ learner", "learner")
    return Span("✔ true", "ok") if item.health else Span("✖ false", "bad")


def report_lines(report: HealthReport, remedies: Mapping[str, str]) -> list[Line]:
    """A report as lines: etcdctl's columns, then the findings, the worst first.

    Args:
        remedies: how each action is called and its key, by its ID; only those that can be done here.
    """
    names = [clean(e.name, 16) for e in report.endpoints]
    wide = max([len("name"), *map(len, names)])
    ends = [clean(e.endpoint.split("://")[-1], 40) for e in report.endpoints]
    wide_end = max([len("endpoint"), *map(len, ends)])
    lines: list[Line] = [
        (Span(f"{'name':<{wide}}  {'endpoint':<{wide_end}}  {'health':<9}  {'took':>8}  error", "dim"),)
    ]
    for item, name, endpoint in zip(report.endpoints, names, ends, strict=True):
        took = "-" if item.took is None else f"{item.took * 1000:.1f}ms"
        verdict = _verdict(item)
        lines.append(
            (
                Span(f"{name:<{wide}}  ", "strong"),
                Span(f"{endpoint:<{wide_end}}  "),
                verdict._replace(text=f"{verdict.text:<9}  "),
                Span(f"{took:>8}  "),
                Span(clean(item.error), "bad"),
                Span(clean(item.note), "dim"),
            )
        )
    lines.append(())
    order = [Severity.CRITICAL, Severity.WARNING, Severity.OK]
    for finding in sorted(report.findings, key=lambda f: order.index(f.severity)):
        glyph, tone = SIGN[finding.severity]
        lines.append(
            (
                Span(f"{glyph} {finding.severity.value:<8}  ", tone),
                Span(f"{cut(clean(finding.check), 20)}: ", "strong"),
                Span(clean(finding.message)),
                Span(f"  → {remedies[finding.remedy]}" if finding.remedy in remedies else "", "key"),
            )
        )
    return lines


class HealthScreen(Panel[None]):
    """Runs `start` when opened and again on `c` or `r`; the old result stays until the new one is there.

    Args:
        start: begins a check in the background; its result arrives through `show_report`.
        remedies: see `report_lines`.
    """

    BINDINGS = [Binding("c,r", "again", "run again", show=False)]  # noqa: RUF012

    def __init__(self, start: Callable[[], None], remedies: Mapping[str, str]) -> None:
        super().__init__("health check", "c run again · Esc close")
        self._remedies = remedies
        self._begin_check = start
        self._checking = False
        self._spin: Timer | None = None
        self._last = ""

    def on_mount(self) -> None:
        """Run it at once."""
        self.action_again()

    def action_again(self) -> None:
        """Run the checks, unless they are running."""
        if self._checking:
            return
        self._checking = True
        began = time.monotonic()
        frames = cycle("◐◓◑◒")

        def spin() -> None:
            seconds = int(time.monotonic() - began)
            now = f"{next(frames)} running, {seconds}s" if seconds else f"{next(frames)} running"
            self.heading((Span("health check  ", "title"), Span(now, "leader"), Span(self._last, "dim")))

        spin()
        self._spin = self.set_interval(0.5, spin)
        self._begin_check()

    def _checked(self) -> None:
        self._checking = False
        if self._spin is not None:
            self._spin.stop()

    def show_report(self, report: HealthReport) -> None:
        """Show a result."""
        self._checked()
        clock = time.strftime("%H:%M:%S", time.localtime(report.wall_time))
        word = Span(" HEALTHY ", "badge") if report.healthy else Span(" UNHEALTHY ", "alert")
        self._last = f"  result of {clock}"
        self.heading((Span("health check  ", "title"), word, Span(self._last, "dim")))
        self.show(report_lines(report, self._remedies))

    def show_error(self, reason: str) -> None:
        """The checks themselves could not be run."""
        self._checked()
        self.heading((Span("health check  ", "title"), Span(clean(reason), "bad"), Span(self._last, "dim")))
