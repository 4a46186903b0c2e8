#!/bin/sh
# Airflow reads the passwords of its simple login from a file that it may write; keep it in memory.
set -eu
umask 077
printf '{"admin": "%s"}\n' "$(cat /run/secrets/airflow_admin_password)" >"$AIRFLOW_HOME/passwords.json"
exec "$@"
