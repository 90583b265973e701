#!/bin/sh
# The database image runs this once, when it has made an empty cluster: our roles, each with the
# password that deploy/prepare.sh gave it, and the database.
set -eu
superuser=${POSTGRES_USER:-postgres}
psql --no-psqlrc --quiet --username="$superuser" --dbname=postgres \
    --variable=ON_ERROR_STOP=1 --variable=database=cityvitals --file=/cityvitals/roles.sql
for role in owner writer aggregator reader; do
    # By standard input: others can read a command line. The passwords are hexadecimal.
    printf "alter role cityvitals_%s password '%s';\n" "$role" "$(cat "/run/secrets/$role")" |
        psql --no-psqlrc --quiet --username="$superuser" --dbname=postgres \
            --variable=ON_ERROR_STOP=1
done
