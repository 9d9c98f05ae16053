#!/bin/sh
# Installs what the lockfile names, once for each lockfile; with --tests also the Debian packages of the tests, and unpacks those
# that would take over the machine they are installed on.
# Everything it says goes to stderr: stdout belongs to the command that follows.
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
stamp=$root/node_modules/.weft-lockfile

fail() {
  echo "weft: $1" >&2
  exit 1
}

is_set_up() {
  [ -x "$root/node_modules/.bin/node" ] && cmp -s "$root/package-lock.json" "$stamp"
}

install_node_modules() {
  node=${npm_node_execpath:-$(command -v node || true)}
  [ -n "$node" ] || fail 'Node.js is missing: install Node.js 20 or newer with npm (on Debian: from nodejs.org or your package manager), then try again'
  "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    fail "Node.js $("$node" -p process.versions.node) is too old to set weft up: install Node.js 20 or newer, then try again"
  npm=${npm_execpath:-$(command -v npm || true)}
  [ -n "$npm" ] || fail 'npm is missing: install it beside Node.js, then try again'
  [ -w "$root" ] || fail "weft is not set up yet and $root is not writable for you: run $root/weft --version once as its owner"
  echo 'weft: setting up (once; this takes up to a minute)' >&2
  cd "$root"
  rm -f "$stamp"
  "$node" "$(readlink -f "$npm")" ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    fail 'npm could not install the packages: see its message above, then try again'
  [ -x node_modules/.bin/node ] || fail "there is no Node.js 26 for $(uname -m) in the lockfile: weft runs on Linux x64 and arm64"
  cp package-lock.json "$stamp"
}

install_test_packages() {
  missing=
  while read -r name; do
    case $name in '' | '#'*) continue ;; esac
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing="$missing $name"
  done <"$root/scripts/system-packages.txt"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "weft: some tests need these packages, which only root on Debian can install by itself:$missing" >&2
    return 0
  fi
  echo "weft: installing for the tests:$missing" >&2
  # shellcheck disable=SC2086
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >&2 ||
    fail "apt-get could not install$missing: see its message above"
}

# Machines of the lab have them over their /usr, and the machine itself as good as not.
unpack_test_packages() {
  cache=$root/.tool-cache/packages
  missing=
  while read -r name; do
    case $name in '' | '#'*) continue ;; esac
    [ -d "$cache/$name" ] || missing="$missing $name"
  done <"$root/scripts/unpacked-packages.txt"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "weft: some tests need these packages, which only root on Debian can unpack by itself:$missing" >&2
    return 0
  fi
  echo "weft: unpacking for the tests:$missing" >&2
  apt-get update -qq >&2 || fail 'apt-get could not update its lists: see its message above'
  for name in $missing; do unpack "$name" >&2 || fail "$name could not be unpacked: see the message above"; done
}

unpack() (
  rm -rf "$cache/$1.new"
  mkdir -p "$cache/$1.new/archives/partial"
  cd "$cache/$1.new"
  apt-get install -y -qq --reinstall --no-install-recommends --download-only -o Dir::Cache::archives="$PWD/archives" "$1" || exit 1
  for archive in archives/*.deb; do dpkg-deb -x "$archive" . || exit 1; done
  rm -r archives
  # As on the machine, where these are links into /usr.
  for folder in bin sbin lib lib64; do
    [ ! -d $folder ] || { mkdir -p usr/$folder && cp -a $folder/. usr/$folder/ && rm -r $folder; } || exit 1
  done
  mv "$cache/$1.new" "$cache/$1"
)

if ! is_set_up; then
  # Two first starts at once wait for each other here. The lock is the folder's own, so that nothing new needs to be writable.
  exec 9<"$root"
  flock 9
  is_set_up || install_node_modules
  exec 9<&-
fi
if [ "${1:-}" = --tests ]; then
  install_test_packages
  unpack_test_packages
fi
