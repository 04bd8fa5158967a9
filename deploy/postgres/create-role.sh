#!/bin/sh
# The service's own role and database, made when the server's files are.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 --set password="$BILLING_PASSWORD" <<'SQL'
CREATE ROLE billing LOGIN PASSWORD :'password';
CREATE DATABASE billing OWNER billing;
SQL
