#!/bin/sh
# Makes what deploy/compose.yaml needs besides itself, in deploy/site: passwords, the broker's
# configuration, accounts and certificates.
#   sudo sh deploy/prepare.sh HOST [SITE]
# HOST is the name by which gateways reach the broker; its certificate gets it. What is there stays:
# passwords, accounts, certificates. The broker's shipped files are copied anew, so run it again
# after an upgrade.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)

if [ $# -lt 1 ]; then
    echo "usage: sudo sh deploy/prepare.sh HOST [SITE]; HOST is the broker's name for gateways" >&2
    exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "prepare.sh gives each container's user its own files, which only root may: use sudo" >&2
    exit 1
fi
host=$1
site=${2:-$here/site}
secrets=$site/secrets
broker=$site/mosquitto
# Who the images' users are: of the database, our processes, the broker, Grafana.
database_id=70 service_id=10001 broker_id=1883 grafana_id=472
mkdir -p "$secrets" "$broker/certs" "$broker/operator" "$site/broker"

# give FILE ID: a file that only the container's user may read.
give() {
    chown "$2:$2" "$1"
    chmod 400 "$1"
}

# password NAME ID: made once.
password() {
    [ -s "$secrets/$1" ] || openssl rand -hex 32 >"$secrets/$1"
    give "$secrets/$1" "$2"
}

password postgres $database_id
for role in owner writer aggregator reader; do
    password "$role" $database_id
    echo "*:*:*:cityvitals_$role:$(cat "$secrets/$role")" >"$secrets/pgpass.$role"
    give "$secrets/pgpass.$role" $service_id
done
password broker $service_id
password operator $broker_id
password grafana_admin $grafana_id
cat "$secrets/reader" >"$secrets/grafana_database"
give "$secrets/grafana_database" $grafana_id

# account NAME PASSWORD: a line of mosquitto's password file, salted SHA-512. One round is enough for
# 256 random bits; what people choose is for mosquitto_passwd, which does many.
account() {
    salt=$(openssl rand -base64 12)
    hash=$({ printf %s "$2" && printf %s "$salt" | openssl base64 -d -A; } |
        openssl dgst -sha512 -binary | openssl base64 -A)
    printf '%s:$6$%s$%s\n' "$1" "$salt" "$hash"
}

cp -R "$here/mosquitto/." "$broker/"
[ -e "$broker/gateways.passwd" ] || : >"$broker/gateways.passwd"
{
    account cityvitals "$(cat "$secrets/broker")"
    account operator "$(cat "$secrets/operator")"
} >"$broker/service.passwd"
# mosquitto_sub and mosquitto_pub in the broker's container are the operator by this.
printf '%s\n' "-h 127.0.0.1" "-p 8884" "--cafile /etc/mosquitto/certs/ca.pem" "-u operator" \
    "-P $(cat "$secrets/operator")" >"$broker/operator/mosquitto_sub"

# curve FILE: a new key.
curve() {
    openssl ecparam -genkey -noout -name prime256v1 -out "$1"
}

certs=$broker/certs
if [ ! -e "$certs/ca.pem" ]; then
    curve "$secrets/ca.key"
    openssl req -x509 -key "$secrets/ca.key" -days 7300 -subj "/CN=CityVitals $host" \
        -addext keyUsage=critical,keyCertSign,cRLSign -out "$certs/ca.pem"
fi
if [ ! -e "$certs/server.pem" ]; then
    curve "$certs/server.key"
    printf '%s\n' "subjectAltName=DNS:$host,DNS:broker,IP:127.0.0.1" \
        extendedKeyUsage=serverAuth >"$certs/server.ext"
    openssl req -new -key "$certs/server.key" -subj "/CN=$host" |
        openssl x509 -req -CA "$certs/ca.pem" -CAkey "$secrets/ca.key" -CAcreateserial \
            -days 825 -extfile "$certs/server.ext" -out "$certs/server.pem" 2>/dev/null
    rm "$certs/server.ext"
fi
cp "$certs/ca.pem" "$secrets/ca.pem"
give "$secrets/ca.pem" $service_id

chown -R $broker_id:$broker_id "$broker" "$site/broker"
# Root's alone: what containers see of it is mounted one by one.
chmod 700 "$site" "$secrets"
echo "$site is ready; gateways trust $certs/ca.pem, and reach the broker as $host"
