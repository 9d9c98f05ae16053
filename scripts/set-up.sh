#!/bin/sh
# Installs what the lockfile names, once for each lockfile; with --tests also the Debian packages of the tests, and unpacks those
# that would take over the machine they are installed on.
# Everything it says goes to stderr: stdout belongs to the command that follows.
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
stamp=$root/node_modules/.weft-lockfile
# Who installs, for those who wait meanwhile.
holder=$root/.tool-cache/installing

say() {
  echo "weft: $1" >&2
}

fail() {
  say "$1"
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
  say 'installing Node.js 26 and packages, once (some 350 MB on disk) …'
  cd "$root"
  rm -f "$stamp"
  run_npm_ci || fail "$(why_npm_failed)"
  [ -x node_modules/.bin/node ] || fail "there is no Node.js 26 for $(uname -m) in the lockfile: weft runs on Linux x64 and arm64"
  cp package-lock.json "$stamp"
  say 'installed'
}

# Leaves what npm said in $said. Whatever ends this script ends npm too, and so frees the folder: by KILL, for at TERM npm waits for
# what it waits for anyway, and what it leaves behind the next start begins anew.
run_npm_ci() {
  said=$(mktemp)
  children=
  # shellcheck disable=SC2086
  trap '[ -z "$children" ] || kill -KILL $children 2>/dev/null || true; rm -f "$said"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  "$node" "$(readlink -f "$npm")" ci --ignore-scripts --no-audit --no-fund --loglevel=error \
    --fetch-timeout=20000 --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-factor=2 >"$said" 2>&1 &
  npm_process=$!
  children=$npm_process
  mkdir -p "${holder%/*}"
  echo "process $npm_process of $(id -un)" >"$holder"
  tell_progress 9<&- &
  children="$! $npm_process"
  code=0
  wait "$npm_process" 2>/dev/null || code=$?
  kill "${children% *}" 2>/dev/null || true
  children=
  [ ! -t 2 ] || printf '\r\033[K' >&2
  return "$code"
}

tell_progress() {
  seconds=0
  silent=0
  before=0
  pause=10
  [ ! -t 2 ] || pause=2
  while sleep "$pause" >/dev/null 2>&1 && kill -0 "$npm_process" 2>/dev/null; do
    seconds=$((seconds + pause))
    # npm itself waits for a connection as long as the kernel does, and again, and again.
    read=$(sed -n 's/^rchar: //p' "/proc/$npm_process/io" 2>/dev/null || true)
    silent=$((silent + pause))
    [ $((${read:-$silent} - before)) -lt 16384 ] || silent=0 before=$read
    [ "$silent" -lt 60 ] || [ -z "$read" ] || { echo 'npm error code ETIMEDOUT' >"$said"; kill -KILL "$npm_process"; return; }
    size=$(du -sm node_modules 2>/dev/null | cut -f 1)
    text="weft: ${size:-0} MB after $seconds s"
    [ "$silent" -lt 10 ] || text="$text, and nothing new for $silent s"
    if [ -t 2 ]; then printf '\r\033[K%s' "$text" >&2; else echo "$text" >&2; fi
  done
}

why_npm_failed() {
  code=$(sed -nE 's/^npm (error|ERR!) code //p' "$said" | head -n 1)
  case $code in
  EAI_* | ENOTFOUND | ECONN* | ENETUNREACH | EHOSTUNREACH | ETIMEDOUT | E*TIMEOUT)
    registry=$("$node" "$npm" config get registry | sed -E 's#//.*@#//#; s#/$##')
    echo "cannot install the packages: $registry does not answer ($code);" \
      'see that this machine reaches it (HTTPS_PROXY names a proxy), then try again'
    ;;
  *)
    cat "$said" >&2
    echo 'npm could not install the packages: see its message above, then try again'
    ;;
  esac
}

install_test_packages() {
  missing=
  while read -r name; do
    case $name in '' | '#'*) continue ;; esac
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing="$missing $name"
  done <"$root/scripts/system-packages.txt"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "some tests need these packages, which only root on Debian can install by itself:$missing"
    return 0
  fi
  say "installing for the tests:$missing"
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
    say "some tests need these packages, which only root on Debian can unpack by itself:$missing"
    return 0
  fi
  say "unpacking for the tests:$missing"
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
  flock -n 9 || {
    say "waiting for $(cat "$holder" 2>/dev/null || echo 'another start'), which installs the packages into $root …"
    flock 9
  }
  is_set_up || install_node_modules
  exec 9<&-
fi
if [ "${1:-}" = --tests ]; then
  install_test_packages
  unpack_test_packages
fi
