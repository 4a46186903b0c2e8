#!/bin/sh
# Make the secrets that docker-compose.yml names, as random values, one file each. Files that are
# there are kept. Run once, in the folder of docker-compose.yml:
#
#   sh docker/make-secrets.sh [FOLDER]     default: secrets
#
# The folder is closed to other users; its files can be read by the containers' users.
set -eu
folder=${1:-secrets}
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

random_hex() {
	od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

make() {
	if [ ! -s "$folder/$1" ]; then
		"$2" >"$folder/$1"
		echo "made $folder/$1"
	fi
}

# Fernet wants 32 bytes in URL-safe base64.
fernet_key() {
	head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'
}

for lab in config/labs/*/; do
	lab=${lab%/}
	make "mqtt_${lab##*/}_password" random_hex
done
for name in mqtt_ingest_password influxdb_admin_password influxdb_admin_token postgres_password \
	airflow_jwt_secret airflow_admin_password grafana_admin_password; do
	make "$name" random_hex
done
make airflow_fernet_key fernet_key
