#!/bin/sh
# The command `stagehold`. Python starts isolated (-I): neither PYTHONPATH, PYTHONINSPECT and their like, nor a
# sitecustomize or a module of the working directory, can run before the gate or in place of it.
self=$(readlink -f -- "$0") || exit 2
for python in "${self%/*}/python" "${self%/*}/python3"; do
    [ -x "$python" ] && exec "$python" -I -m stagehold "$@"
done
echo "stagehold: there is no Python beside $self" >&2
echo "  → Install stagehold into a virtual environment: python3 -m venv, pipx, or uv tool." >&2
exit 2
