"""A few lines of text that repaint only the stretch that changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
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
    before, after = _cells(old), _cells(new)
    width = max(len(before), len(after))
    # Behind its end a line is blank.
    blank = (" ", "", "")
    pairs = list(
        zip(before + [blank] * (width - len(before)), after + [blank] * (width - len(after)), strict=True)
    )
    changed = [x for x, (one, two) in enumerate(pairs) if one != two]
    return (changed[0], changed[-1] + 1) if changed else None


def _cells(line: Line) -> list[tuple[str, str, str]]:
    """One entry a terminal cell; the second cell of a wide character is an empty one."""
    out: list[tuple[str, str, str]] = []
    for span in line:
        for character in span.text:
            cells = cell_len(character)
            if cells == 0 and out:
                # A combining mark belongs to the cell before it.
                out[-1] = (out[-1][0] + character, *out[-1][1:])
            else:
                out += [(character, span.tone, span.action)] + [("", span.tone, span.action)] * (cells - 1)
    return out


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
