"""Panels side by side as one SVG."""

from collections.abc import Sequence


def svg(panels: Sequence[str], width: int, height: int) -> str:
    """The SVG text of panels that are each so wide and high, white behind them."""
    whole = width * len(panels)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {height}" '
        f'width="{whole}" height="{height}" font-family="sans-serif" font-size="11">\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>\n'
    )
    placed = [
        f'<g transform="translate({number * width},0)">\n{one}</g>\n'
        for number, one in enumerate(panels)
    ]
    return "".join([head, *placed, "</svg>\n"])
