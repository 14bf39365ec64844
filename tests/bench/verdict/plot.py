#!/usr/bin/env python3
"""Draws docs/verdict.svg from the figures of the benchmark:

    build/tests/bench/verdict/bench-verdict > figures.json && tests/bench/verdict/plot.py figures.json docs/verdict.svg
"""

import json
import sys

RULES = [("threshold 5 % errors, 1.15x latency, failureLimit 0", "threshold 5 %, failureLimit 0", "#b0b0b0"),
         ("threshold 2 % errors, 1.15x latency, failureLimit 3", "threshold 2 %, failureLimit 3", "#707070"),
         ("classical judge, every 5 minutes", "classical judge, every 5 minutes", "#c08040"),
         ("sequential judge, per request", "sequential, per request", "#80b0e0"),
         ("sequential judge", "sequential (default)", "#1060b0")]
NOISES = ["independent", "bursts of 2", "bursts of 5", "shared outage", "daily drift", "weight steps with outages"]
LEVELS = [5, 50, 500, 5000]
WIDTH, HEIGHT, LEFT, BAR = 900, 250, 60, 20


def text(x, y, words, anchor="middle", size=12, more=""):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" {more}>{words}</text>'


def panel(top, title, groups, value):
    """A bar for each group and rule; value(group, rule) is a percentage."""
    parts = [text(LEFT, top - 14, title, "start", 14, 'font-weight="bold"')]
    for percent in (0, 25, 50, 75, 100):
        y = top + HEIGHT - percent / 100 * HEIGHT
        parts += [f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - 10}" y2="{y}" stroke="#ddd"/>', text(LEFT - 6, y + 4, f"{percent} %", "end", 11)]
    step = (WIDTH - LEFT - 10) / len(groups)
    for number, (key, label) in enumerate(groups):
        begin = LEFT + number * step + (step - BAR * len(RULES)) / 2
        for at, (rule, _, colour) in enumerate(RULES):
            percent = value(key, rule)
            height = max(percent / 100 * HEIGHT, 0.5)
            x = begin + at * BAR
            parts.append(f'<rect x="{x:.1f}" y="{top + HEIGHT - height:.1f}" width="{BAR - 2}" height="{height:.1f}" fill="{colour}"/>')
            parts.append(text(round(x + BAR / 2 - 1, 1), round(top + HEIGHT - height - 3, 1), f"{percent:.0f}" if percent >= 1 or percent == 0 else f"{percent:.1f}", size=9))
        parts.append(text(round(begin + BAR * len(RULES) / 2, 1), top + HEIGHT + 16, label, size=11))
    return parts


def main():
    cells = {(c["requests_per_second"], c["errors"], c["version"]): c["rules"] for c in json.load(open(sys.argv[1]))["cells"]}
    parts = []
    for number, (_, label, colour) in enumerate(RULES):
        x = LEFT + number * 168
        parts += [f'<rect x="{x}" y="12" width="12" height="12" fill="{colour}"/>', text(x + 17, 22, label, "start", 11)]
    parts += panel(80, "Healthy rollouts that were aborted (50 requests/s, a fifth of them on the canary)", [(n, n) for n in NOISES],
                   lambda noise, rule: cells[50, noise, "healthy"][rule]["aborted_percent"])
    bound = 80 + HEIGHT - 0.05 * HEIGHT
    parts += [f'<line x1="{LEFT}" y1="{bound}" x2="{WIDTH - 10}" y2="{bound}" stroke="#c00" stroke-dasharray="4 3"/>',
              text(WIDTH - 12, bound - 4, "stated bound 5 %", "end", 10, 'fill="#c00"')]
    for top, version, title in ((410, "errors x2", "Rollouts with twice the errors that were aborted within 20 minutes (bursts of 2)"),
                                (740, "latency +20 %", "Rollouts with latency +20 % that were aborted within 20 minutes (bursts of 2)")):
        parts += panel(top, title, [(level, f"{level} requests/s") for level in LEVELS],
                       lambda level, rule, version=version: cells[level, "bursts of 2", version][rule]["aborted_percent"])
    body = "\n".join(parts)
    with open(sys.argv[2], "w") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 1020" font-family="sans-serif">\n'
                  f'<rect width="{WIDTH}" height="1020" fill="#fff"/>\n{body}\n</svg>\n')


if __name__ == "__main__":
    main()
