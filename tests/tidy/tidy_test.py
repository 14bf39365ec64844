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
    r"<cctz/": ["common/engine/calendar/"],
    r"<re2/": ["common/engine/expr/pattern.cc"],
    r"agent\.pb\.h|<google/protobuf": ["common/wire/"],
}


def name(path):
    return str(path.relative_to(ROOT))


def without_literals(text):
    """The text with comments, string and character literals and preprocessor lines blanked; line breaks stay where they are."""
    tokens = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*',
        re.S | re.M)
    return tokens.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def functions(text):
    """(line, length) of each function body: a brace after a parameter list, outside of any other function."""
    scope = re.compile(r"\s*(template\s*<.*>\s*)?(inline\s+)?(namespace|class|struct|union|enum|extern)\b", re.S)
    text = without_literals(text)
    # What is open: its kind, where it began, and where the present declaration in it begins.
    stack = [["scope", 0, 0]]
    for match in re.finditer(r"[(){};]", text):
        at, what = match.start(), match.group()
        kind, begin, head = stack[-1]
        if what == "(":
            stack.append(["round", at, at + 1])
        elif what == "{":
            before = text[head:at]
            outer = kind == "scope"
            opened = "scope" if outer and scope.match(before) else "function" if outer and "(" in before else "other"
            stack.append([opened, at, at + 1])
        elif what in ")}" and len(stack) > 1:
            stack.pop()
            if what == "}":
                stack[-1][2] = at + 1
                if kind == "function":
                    yield text.count("\n", 0, begin) + 1, text.count("\n", begin, at)
        elif what == ";":
            stack[-1][2] = at + 1


def test_the_function_finder():
    """The rule itself: initialiser lists, wrapped parameters, lambdas and braces in strings do not mislead it."""
    text = """namespace a {
struct S {
  S() : x_{1}, y_(2) {
    run();
  }
  int x_ = 0;
};
Result f(int a,
         Options o = {}) {
  auto g = [&](char c) {
    if (c == '{') return "}";
  };
  // {
  return R"x(}})x";
}
}
"""
    assert [found for found in functions(text) if found[1] > 0] == [(3, 2), (9, 6)]


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
            # JSON is what two functions of the condition language are about.
            if name(f) == "common/engine/expr/builtins_json.cc" and line.startswith('#include "json/'):
                continue
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
