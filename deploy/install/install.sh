#!/bin/sh
# Starts install.py with any Python from 3.8 on. On a machine without one, uv brings one first.
# Usage, at the top of a checkout: sh deploy/install/install.sh serve|dev|doctor
set -eu

for python in "${PYTHON:-python3}" python3 python3.12 python3.11 python3.10; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    exec "$python" -I deploy/install/install.py "$@"
  fi
done

cache=${OCDRNET_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ocdrnet}
if command -v uv >/dev/null; then
  uv=uv
elif [ -x "$cache/uv/bin/uv" ]; then
  uv=$cache/uv/bin/uv
else
  echo "install: this machine has no Python 3.8 or later; getting uv, which brings one, into $cache/uv"
  # uv's own installer; UV_UNMANAGED_INSTALL keeps it to that folder and away from the shell's profile.
  installer=${OCDRNET_UV_INSTALLER:-https://astral.sh/uv/install.sh}
  if command -v curl >/dev/null; then
    script=$(curl --location --silent --show-error --fail --max-time 30 "$installer") || script=
  elif command -v wget >/dev/null; then
    script=$(wget --quiet --output-document - --timeout 30 --tries 1 "$installer") || script=
  else
    script=
  fi
  if ! { [ -n "$script" ] && printf '%s\n' "$script" | UV_UNMANAGED_INSTALL="$cache/uv/bin" sh >/dev/null; }; then
    echo "Error: uv could not be had ($installer, by curl or wget). Install Python instead, then run this again." >&2
    for manager in "apt-get:apt-get install -y python3 python3-venv libpython3-dev" "dnf:dnf install -y python3.12" \
      "zypper:zypper install -y python312 libpython3_12-1_0" "pacman:pacman -S python"; do
      command -v "${manager%%:*}" >/dev/null && echo "  sudo ${manager#*:}" >&2
    done
    exit 2
  fi
  uv=$cache/uv/bin/uv
fi
UV_PYTHON_INSTALL_DIR=$cache/python exec "$uv" run --quiet --no-project --managed-python --python 3.11 -- \
  python -I deploy/install/install.py "$@"
