#!/bin/sh
# The address of Airflow's database, with the password from its secret file: Airflow calls this by
# AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD, so that the password is in no environment.
set -eu
password=$(cat "${POSTGRES_PASSWORD_FILE:-/run/secrets/postgres_password}")
printf 'postgresql+psycopg://airflow:%s@%s/airflow' "$password" "${POSTGRES_ADDRESS:-postgres:5432}"
