#!/bin/sh
# Installs the Debian packages of the servers that the tests start, and the
# browser that looks at pages. Installs nothing where all are there. Debian's
# services are not wanted: the tests start servers of their own on free ports.
#
#   install.sh [PACKAGE…]   default: all
set -eu

# One installer at a time, among test processes too.
exec 9>"${TMPDIR:-/tmp}/resil-install.lock"
flock 9

all="postgresql-15 redis-server prometheus prometheus-alertmanager chromium"

missing=
for package in ${*:-$all}; do
	if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "tests need Debian packages that only root can install; run: apt-get install$missing" >&2
	exit 1
fi

# Packages' install scripts must neither ask questions nor start services.
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi

install() {
	apt-get -o DPkg::Lock::Timeout=300 update &&
		apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing
}

for wait in 5 15 45 0; do
	if install >&2; then
		exit 0
	fi
	[ "$wait" = 0 ] || sleep "$wait"
done
echo "could not install$missing" >&2
exit 1
