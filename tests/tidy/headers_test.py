"""Each header compiles alone: what it needs it includes itself, so that files may be included in any order and combination."""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess

import pytest
from tidy_test import ROOT, SOURCES, name

# The precompiled header would hide what is missing, and what follows from it is of no interest here.
LEFT_OUT = ("-fsanitize", "-MD", "-g", "-O", "-fcolor-diagnostics", "-Winvalid-pch")
WITH_ARGUMENT = ("-include-pch", "-MQ", "-MF", "-o", "-c")


def flags_of(command):
    """The compiler, its include paths, definitions and warnings."""
    words = [w for w in shlex.split(command) if w != "ccache"]
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in WITH_ARGUMENT:
            skip = True
        elif not word.startswith(LEFT_OUT):
            kept.append(word)
    return kept


def flags_by_folder(build):
    """For each folder the flags of one of its files: those of the library that the folder is."""
    commands = build / "compile_commands.json"
    if not commands.exists():
        pytest.fail(f"{commands} is missing: ./dev test tidy makes it")
    flags = {}
    for entry in json.loads(commands.read_text()):
        folder = (build / entry["file"]).resolve().parent
        flags.setdefault(folder, flags_of(entry["command"]))
    return flags


def flags_for(header, flags):
    for folder in header.parents:
        if folder in flags:
            return flags[folder]
    # A folder without sources of its own: those of a folder below it, or, where all are generated, anyone's.
    return next((f for folder, f in flags.items() if header.parent in folder.parents), next(iter(flags.values())))


def test_each_header_compiles_alone():
    build = pathlib.Path(os.environ.get("TOWPATH_BUILD", ROOT / "build")).resolve()
    flags = flags_by_folder(build)
    headers = [h for h in SOURCES if h.suffix == ".h" and name(h) != "common/pch.h"]

    def check(header):
        done = subprocess.run([*flags_for(header, flags), "-fsyntax-only", "-x", "c++", "-"], input=f'#include "{header}"\n', cwd=build, capture_output=True, text=True)
        return "" if done.returncode == 0 else f"{name(header)}:\n" + "\n".join(done.stderr.splitlines()[:8])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        broken = [text for text in pool.map(check, headers) if text]
    assert len(headers) > 100
    assert not broken, "\n\n".join(broken)
