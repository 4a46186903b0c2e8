#!/bin/sh
# Write Mosquitto's password file from secret files: mqtt_<user>_password holds the user's password.
#
#   sh passwords.sh [SECRETS [FILE]]     default: /run/secrets /mosquitto/data/passwords
#
# The passwords are hashed in place: none stands on a command line, where others could see it.
set -eu
umask 077
secrets=${1:-/run/secrets}
file=${2:-/mosquitto/data/passwords}
rm -f "$file.new"
for secret in "$secrets"/mqtt_*_password; do
	name=${secret##*/mqtt_}
	printf '%s:%s\n' "${name%_password}" "$(cat "$secret")" >>"$file.new"
done
mosquitto_passwd -U "$file.new"
mv "$file.new" "$file"
