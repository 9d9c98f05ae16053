#!/bin/sh
# The server needs no rights, and has a user of its own; the agent makes an interface, as root.
set -eu
[ "$1" = serve ] || exec weft "$@"
chown weft:weft /var/lib/weft
exec setpriv --reuid weft --regid weft --clear-groups --bounding-set -all \
  env HOME=/var/lib/weft XDG_STATE_HOME=/var/lib weft "$@" --state /var/lib/weft
