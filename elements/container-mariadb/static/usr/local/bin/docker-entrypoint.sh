#!/bin/bash
# Starts MariaDB as Trove's guest agent asks for it: bare arguments are the server's, any user id may run it, and the first start on an
# empty data directory sets root's password from MYSQL_ROOT_PASSWORD (or MARIADB_ROOT_PASSWORD).
set -eu
set -o pipefail
umask 0027

template=/usr/share/mariadb-template

# Prints the value of --datadir among the arguments.
data_directory() {
    local argument
    for argument in "$@"; do
        case $argument in
            --datadir=*)
                printf '%s\n' "${argument#--datadir=}"
                return
                ;;
        esac
    done
    printf '/var/lib/mysql\n'
}

# Copies the ready-made data directory. The system tables come last: a copy without them counts as none.
create_data() {
    mkdir -p "$1"
    find "$template" -mindepth 1 -maxdepth 1 -not -name mysql -exec cp -R --sparse=always -t "$1" {} +
    rm -rf "$1/mysql.new"
    cp -R "$template/mysql" "$1/mysql.new"
    mv "$1/mysql.new" "$1/mysql"
}

# Prints the statements that give root its password; in SQL, a quote and a backslash are doubled.
root_statements() {
    local password=${MYSQL_ROOT_PASSWORD:-${MARIADB_ROOT_PASSWORD:-}}
    password=${password//\\/\\\\}
    password=${password//\'/\'\'}
    printf "ALTER USER root@localhost IDENTIFIED BY '%s';\n" "$password"
    printf "CREATE USER root@'%%' IDENTIFIED BY '%s';\n" "$password"
    printf "GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;\n"
}

# Makes the server's key and certificate unless they are there. The server would make an RSA key in memory at each start, which takes
# long where the CPU is emulated, and clients would see another certificate each time.
create_certificate() {
    [ ! -e "$1/server-key.pem" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 36500 -subj /CN=MariaDB \
        -keyout "$1/server-key.pem.new" -out "$1/server-cert.pem" 2> /dev/null
    mv "$1/server-key.pem.new" "$1/server-key.pem"
}

# Whether the configuration or the arguments settle encryption already.
has_encryption_settings() {
    { my_print_defaults --mariadbd && printf '%s\n' "$@"; } | grep -qE '^--(loose[-_])?(skip[-_])?ssl'
}

case ${1:-} in
    '' | -*) set -- mariadbd "$@" ;;
    mysqld) set -- mariadbd "${@:2}" ;;
esac

if [ "$1" = mariadbd ]; then
    data=$(data_directory "$@")
    is_first_start=
    if [ ! -d "$data/mysql" ]; then
        if [ -z "${MYSQL_ROOT_PASSWORD:-${MARIADB_ROOT_PASSWORD:-}}" ]; then
            echo "docker-entrypoint: the first start needs MYSQL_ROOT_PASSWORD" >&2
            exit 1
        fi
        is_first_start=yes
        create_data "$data"
    fi
    if ! has_encryption_settings "$@"; then
        create_certificate "$data"
        set -- "$@" --ssl-cert="$data/server-cert.pem" --ssl-key="$data/server-key.pem"
    fi
    if [ -n "$is_first_start" ]; then
        # The statements wait in a pipe, so that the password never reaches a disk.
        exec "$@" --init-file=/dev/fd/3 3< <(root_statements)
    fi
fi
exec "$@"
