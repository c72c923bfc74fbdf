#!/bin/sh
# Find a Python that is new enough; tools/install.py does the rest.
# PYTHON=... names one. Without it, an environment that is already there keeps its own.
set -eu
cd "$(dirname "$0")/.."

given="${PYTHON:-}"
if [ -n "$given" ]; then
    set -- "$given"
else
    set -- .venv/bin/python python3 python python3.14 python3.13 python3.12 python3.11
fi

seen=""
for candidate in "$@"; do
    version=$("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        exec "$candidate" tools/install.py
    fi
    seen="$seen, $candidate is $version"
done

way_out="install one (https://www.python.org/downloads) or name one: make setup PYTHON=/path/to/python3"
if [ -n "$seen" ]; then
    echo "gptlab needs Python 3.11 or newer, but ${seen#, }: $way_out" >&2
elif [ -n "$given" ]; then
    echo "gptlab needs Python 3.11 or newer, but PYTHON=$given does not run: $way_out" >&2
else
    echo "gptlab needs Python 3.11 or newer, and found none: $way_out" >&2
fi
exit 1
