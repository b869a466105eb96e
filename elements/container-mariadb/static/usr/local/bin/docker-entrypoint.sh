#!/bin/bash
# Starts MariaDB as Trove's guest agent asks for it: bare arguments are the server's, any user id may run it, and the first start on an
# empty data directory sets root's password from MYSQL_ROOT_PASSWORD (or MARIADB_ROOT_PASSWORD).
set -eu
set -o pipefail

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

case ${1:-} in
    '' | -*) set -- mariadbd "$@" ;;
    mysqld) set -- mariadbd "${@:2}" ;;
esac

if [ "$1" = mariadbd ]; then
    data=$(data_directory "$@")
    if [ ! -d "$data/mysql" ]; then
        if [ -z "${MYSQL_ROOT_PASSWORD:-${MARIADB_ROOT_PASSWORD:-}}" ]; then
            echo "docker-entrypoint: the first start needs MYSQL_ROOT_PASSWORD" >&2
            exit 1
        fi
        create_data "$data"
        # The statements wait in a pipe, so that the password never reaches a disk.
        exec "$@" --init-file=/dev/fd/3 3< <(root_statements)
    fi
fi
exec "$@"
