#!/bin/sh
# Makes .venv from the lock: exactly those packages, each checked by its hash, then the project itself as editable.
# PYTHON names the interpreter; without it the first suitable one is taken. Where packages come from is pip's and uv's own
# configuration. Run by make, from the project's folder.
set -eu

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        if suits "$PYTHON"; then echo "$PYTHON"; fi
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if suits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

python=$(choose_python)
if [ -z "$python" ]; then
    echo "prodgen needs Python 3.11, 3.12 or 3.13, and ${PYTHON:-python3} is none: install one, or make PYTHON=/path/to/it" >&2
    exit 1
fi

echo "making .venv with $("$python" --version) (a few minutes, most of it download)"
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

# uv is several times faster; pip knows more ways to an index (its own configuration files, an older proxy).
locked="--no-deps --require-hashes -r requirements/lock.txt"
# shellcheck disable=SC2086 # two programs, the same words
.venv/bin/uv pip install --python .venv/bin/python --quiet --compile-bytecode $locked || {
    echo "uv could not install the lock; pip does it, more slowly"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check $locked
}
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
