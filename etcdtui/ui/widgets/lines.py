"""A few lines of text that repaint only the stretch that changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from etcdtui.ui.spans import Line
from etcdtui.ui.tones import tone_style, variables_of


def strip_of(widget: Widget, line: Line, width: int) -> Strip:
    """A line drawn in a widget's colours, padded or cropped to `width` cells."""
    base = widget.rich_style
    variables = variables_of(widget.app)
    segments = []
    for span in line:
        style = base
        if span.tone:
            style += tone_style(span.tone, variables)
        if span.action:
            style += Style(meta={"@click": span.action})
        segments.append(Segment(span.text, style))
    return Strip(segments).adjust_cell_length(width, base)


def difference(old: Line, new: Line) -> tuple[int, int] | None:
    """First and one past the last terminal cell in which two lines differ; None when they are equal."""
    if old == new:
        return None
    before = [(ch, s.tone, s.action) for s in old for ch in s.text]
    after = [(ch, s.tone, s.action) for s in new for ch in s.text]
    start = 0
    for one, two in zip(before, after, strict=False):
        if one != two:
            break
        start += 1
    end = 0
    if len(before) == len(after):
        while end < len(after) - start and before[-1 - end] == after[-1 - end]:
            end += 1
    first = Strip([Segment("".join(ch for ch, *_ in after[:start]))]).cell_length
    middle = max(
        Strip([Segment("".join(ch for ch, *_ in text[: len(text) - end]))]).cell_length
        for text in (before, after)
    )
    return first, middle


class Lines(Widget):
    """Lines of spans. Give it a height in the style sheet."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these lines; what is as it was costs nothing."""
        new = tuple(tuple(line) for line in lines)
        old, self.lines = self.lines, new
        for y in range(max(len(old), len(new))):
            was = old[y] if y < len(old) else ()
            now = new[y] if y < len(new) else ()
            if (stretch := difference(was, now)) is not None:
                x1, x2 = stretch
                if x1 < x2:
                    self.refresh(Region(x1, y, x2 - x1, 1))

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        line = self.lines[y] if y < len(self.lines) else ()
        return strip_of(self, line, self.size.width)
