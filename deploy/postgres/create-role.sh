#!/bin/sh
# The database and its two roles, made when the server's files are: the owner migrates, backs up and restores; the
# service runs as the other, which can change rows and no table. Neither is a superuser, so row-level security binds both.
set -eu
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 \
    --set owner_password="$BILLING_OWNER_PASSWORD" --set password="$BILLING_PASSWORD" <<'SQL'
CREATE ROLE billing_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE billing LOGIN PASSWORD :'password';
CREATE DATABASE billing OWNER billing_owner;
REVOKE ALL ON DATABASE billing FROM PUBLIC;
-- Imports stage their rows in temporary tables.
GRANT CONNECT, TEMPORARY ON DATABASE billing TO billing;
SQL
