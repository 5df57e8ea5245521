"""Partial screen updates that begin where the change begins, not at the left edge of the widget.

Textual 8.2's `ChopsUpdate.render_segments` crops an updated stretch of a line at its right end only: a
changed cell at the end of a row rewrites the row (540 bytes at 80 columns instead of 60). This is
the one place that leans on Textual's private compositor; `tests/ui/test_bytes.py` watches over it.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class ThriftyUpdate(ChopsUpdate):
    """An update cropped on both sides."""

    def render_segments(self, console: Console) -> str:
        """What is written to the terminal."""
        out: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                # Textual leaves None where a stretch of the line is not part of this update.
                if strip is None or x >= x2 or end <= x1:
                    continue
                start = max(x, x1)
                out.append(Control.move_to(start, y).segment.text)
                out.append(strip.crop(start - x, min(end, x2) - x).render(console))
        return "".join(out)


class ThriftyCompositor(Compositor):
    """A compositor whose partial updates are `ThriftyUpdate`."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """The stretches that changed since the last time, None when nothing did."""
        update = super().render_partial_update()
        if update is None:
            return None
        return ThriftyUpdate(update.chops, update.spans, update.chop_ends)
