"""What our coordinator serves on a cluster: health, counters, the log level."""

import re
import urllib.error
import urllib.request

SAMPLE = re.compile(r'^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def page(daemon, path, method="GET", body=None):
    """(status, text)"""
    request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}{path}", method=method, data=None if body is None else body.encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def counters(daemon):
    """[(name, {label: value}, number)] of /metrics."""
    samples = []
    for line in page(daemon, "/metrics")[1].splitlines():
        if line and not line.startswith("#"):
            name, labels, number = SAMPLE.match(line).groups()
            samples.append((name, dict(LABEL.findall(labels or "")), float(number)))
    return samples


def total(samples, name, /, **labels):
    """The sum of the samples of that name that have those labels; None if there is none."""
    numbers = [number for sample, found, number in samples if sample == name and labels.items() <= found.items()]
    return sum(numbers) if numbers else None
