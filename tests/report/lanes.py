"""The timeline as a mouse finds it: it is a picture, so its lanes are told by what they say."""

from __future__ import annotations

from dataclasses import dataclass

from tests.report.browser import Browser

__all__ = ["LABELS", "Lane", "hover", "lane", "lanes", "pixels", "x_of"]

#: Where the lanes begin, beside their labels, in pixels; as in ``report/src/paint.ts``.
LABELS = 210

# Points at the labels, from top to bottom, and reads what is told of each.
_LANES = """() => {
  const canvas = document.getElementById('lanes'), tip = document.getElementById('tip');
  const box = canvas.getBoundingClientRect();
  const found = [];
  for (let y = 27; y < box.height; y++) {
    canvas.dispatchEvent(new PointerEvent('pointermove', {
      clientX: box.left + 20, clientY: box.top + y, bubbles: true }));
    const text = tip.hidden ? null : tip.firstChild.textContent.split(' at ')[0];
    const last = found.at(-1);
    if (last && last[0] === text) last[2] = y + 1;
    else found.push([text, y, y + 1]);
  }
  canvas.dispatchEvent(new PointerEvent('pointerleave'));
  return found.filter(([text]) => text !== null);
}"""

_PIXELS = """([left, top, width, height]) => {
  const canvas = document.getElementById('lanes');
  // A copy: one that is read often is a canvas of another kind.
  const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, -left, -top);
  const data = copy.getImageData(0, 0, width, height).data;
  const found = [];
  for (let i = 0; i < data.length; i += 4) found.push([data[i], data[i + 1], data[i + 2]]);
  return found;
}"""


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that has a label, and where it is on the canvas, in pixels."""

    label: str
    top: int
    bottom: int

    @property
    def middle(self) -> int:
        """Its middle, from top to bottom."""
        return (self.top + self.bottom) // 2


def lanes(browser: Browser) -> list[Lane]:
    """The lanes in view that say something, from top to bottom."""
    return [Lane(*found) for found in browser.evaluate(_LANES)]


def lane(browser: Browser, words: str) -> Lane:
    """The only lane whose label has these words."""
    (found,) = [one for one in lanes(browser) if words in one.label]
    return found


def x_of(browser: Browser, time: float) -> int:
    """Where a time is on the canvas, from the view that the address says."""
    found, width = browser.evaluate(
        "new Promise(done => setTimeout(() => done([location.hash.match(/t=(\\d+)-(\\d+)/),"
        " document.getElementById('lanes').clientWidth]), 300))"
    )
    assert found, "the whole trace is in view"
    _, begin, end = found
    share = (time - float(begin)) / (float(end) - float(begin))
    return round(LABELS + share * (float(width) - LABELS))


def hover(browser: Browser, x: float, y: float) -> str:
    """What is told of a place on the canvas when the mouse is there."""
    box = browser.evaluate("document.getElementById('lanes').getBoundingClientRect().toJSON()")
    browser.call("page.mouse.move", box["left"] + x, box["top"] + y)
    text: str = browser.evaluate(
        "(() => { const tip = document.getElementById('tip');"
        " return tip.hidden ? '' : tip.innerText })()"
    )
    return text


def pixels(browser: Browser, left: int, top: int, width: int, height: int) -> list[list[int]]:
    """The colours of a part of the canvas once it is painted, row by row."""
    browser.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    found: list[list[int]] = browser.evaluate(_PIXELS, [left, top, width, height])
    return found
