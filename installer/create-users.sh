#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Creates the system users that the programs run as, and the group they share. Needs root; running it
# again changes nothing.
#   pmg-smtpd   talks to the internet and owns the mail queue
#   pmg-filter  reads hostile content and owns nothing
set -eu

if [ "$(id -u)" -ne 0 ]; then
    echo "create-users.sh: must run as root" >&2
    exit 1
fi

getent group pmg >/dev/null || groupadd --system pmg
for user in pmg-smtpd pmg-filter; do
    getent passwd "$user" >/dev/null || useradd --system --gid pmg --no-create-home \
        --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
done
