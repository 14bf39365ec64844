#!/bin/sh
# embed.sh OUTPUT FILE...: writes a C++ file that holds the files as raw strings.
set -e
output=$1
shift
{
  printf '#include "crds/crds.h"\n\nnamespace towpath::crds {\n\nnamespace {\n\nconstexpr File kFiles[] = {\n'
  for file; do
    printf '{"%s", R"crd(' "$(basename "$file")"
    cat "$file"
    printf ')crd"},\n'
  done
  printf '};\n\n}  // namespace\n\nstd::span<const File> files() { return kFiles; }\n\n}  // namespace towpath::crds\n'
} > "$output"
