"""Style as a test: lengths, layers, words. What can be decided by reading the text is decided here, not in reviews."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = [ROOT / f for f in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0") if f]
SOURCES = [f for f in FILES if f.suffix in (".cc", ".h") and "tests" not in f.relative_to(ROOT).parts]
ALL_CODE = [f for f in FILES if f.suffix in (".cc", ".h")]

LONGEST_FUNCTION = 70
LONGEST_FILE = 500
LONGEST_LINE = 150
# Generated or tabular data, where length says nothing.
TABLES = {"common/api/go_fields.cc", "coordinator/apiserver/builtin_kinds.cc"}

# Which libraries' headers may be included where.
HEAVY = {
    r"<boost/beast": ["common/http/"],
    r"<boost/json": ["common/json/"],
    r"<curl/": ["common/http/"],
    r"<mbedtls/": ["common/tls/"],
    r"<toml": ["common/config/"],
    r"<CLI/": ["cli/main.cc"],
    r"<sqlite3": ["coordinator/store/"],
    r"<archive": ["nodeagent/supervise/"],
    r"agent\.pb\.h|<google/protobuf": ["common/wire/"],
}


def name(path):
    return str(path.relative_to(ROOT))


def functions(text):
    """(line, length) of each function body: a brace that opens after a ')' at the outer or class level, by indentation of its end."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if not re.search(r"\)\s*(const|noexcept|override|final|->[^{;]*|:[^{;]*|\s)*\{$", line) or re.match(r"\s*(if|for|while|switch|else|}|catch|return|do)\b", line):
            continue
        if "[" in line and re.search(r"\[[^\]]*\]\s*(\(|\{)", line):
            continue
        indent = len(line) - len(line.lstrip())
        if indent > 4:
            continue
        for end in range(index + 1, len(lines)):
            if re.match(rf"^\s{{{indent}}}}}", lines[end]):
                yield index + 1, end - index
                break


def test_functions_fit_a_screen():
    long = [f"{name(f)}:{line} has {length} lines" for f in SOURCES if name(f) not in TABLES for line, length in functions(f.read_text()) if length > LONGEST_FUNCTION]
    assert not long, "\n".join(long)


def test_files_are_one_thing():
    long = [f"{name(f)}: {n} lines" for f in SOURCES if name(f) not in TABLES and (n := len(f.read_text().splitlines())) > LONGEST_FILE]
    assert not long, "\n".join(long)


def test_lines_fit():
    long = [f"{name(f)}:{i}" for f in SOURCES for i, line in enumerate(f.read_text().splitlines(), 1) if len(line) > LONGEST_LINE]
    assert not long, "\n".join(long)


def test_heavy_headers_stay_in_their_folder():
    bad = []
    for f in SOURCES:
        for number, line in enumerate(f.read_text().splitlines(), 1):
            if not line.startswith("#include"):
                continue
            for pattern, allowed in HEAVY.items():
                if re.search(pattern, line) and not any(name(f).startswith(a) for a in allowed):
                    bad.append(f"{name(f)}:{number}: {line}")
    assert not bad, "\n".join(bad)


def test_the_engine_is_pure():
    bad = []
    for f in SOURCES:
        if not name(f).startswith(("common/engine/", "common/model/")):
            continue
        for number, line in enumerate(f.read_text().splitlines(), 1):
            if re.search(r'#include "(json|loop|http|tls|api|cluster|wire|config)/|#include "base/log.h"|system_clock::now|steady_clock|std::rand', line):
                bad.append(f"{name(f)}:{number}: {line.strip()}")
    assert not bad, "\n".join(bad)


def test_common_knows_nobody_above_it():
    upper = re.compile(r'#include "(store|apiserver|control|edge|agents|traffic|metrics|link|supervise|probe|proxy|telemetry|cli)/')
    bad = [f"{name(f)}: {line}" for f in SOURCES if name(f).startswith("common/") for line in f.read_text().splitlines() if upper.search(line)]
    assert not bad, "\n".join(bad)


def test_headers_begin_with_pragma_once_and_a_purpose():
    bad = []
    for f in SOURCES:
        if f.suffix != ".h" or name(f) == "common/pch.h":
            continue
        lines = f.read_text().splitlines()
        if lines[:1] != ["#pragma once"] or not lines[1:2] or not lines[1].startswith("//"):
            bad.append(name(f))
    assert not bad, "no `#pragma once`, or no sentence on what it is for: " + ", ".join(bad)


def test_shared_ptr_has_a_reason():
    """Sharing is the exception: a file that does it says why in a comment (its own, or its header's)."""
    bad = []
    for f in SOURCES:
        text = f.read_text()
        if not re.search(r"std::(shared_ptr|make_shared)", text):
            continue
        header = f.with_suffix(".h")
        texts = text + (header.read_text() if header.exists() else "")
        if not re.search(r"//.*\b([Ss]hare|[Oo]utlive|[Ll]ive|[Hh]old)", texts):
            bad.append(name(f))
    assert not bad, "\n".join(bad)


def test_nothing_is_left_for_later():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented yet|unimplemented")
    bad = [f"{name(f)}:{i}: {line.strip()}" for f in SOURCES for i, line in enumerate(f.read_text().splitlines(), 1) if words.search(line)]
    assert not bad, "\n".join(bad)


def test_code_is_formatted():
    result = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *map(str, ALL_CODE)], cwd=ROOT, capture_output=True, text=True)
    files = sorted({line.split(":")[0] for line in result.stderr.splitlines() if "error:" in line})
    assert result.returncode == 0, "run ./dev format: " + ", ".join(files)
