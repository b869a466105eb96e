import {chmod, mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {home, runTrovestack, temporaryFolder} from '../rig/trovestack.js';

/** Runs in the container's tree, as a hook of the build. */
const check = `#!/bin/bash
set -eu
set -o pipefail
data=/srv/data
sql() { mariadb --user=root --password=secret --socket=/srv/socket --batch --skip-column-names "$@"; }
start() {
    MYSQL_ROOT_PASSWORD=secret docker-entrypoint.sh --no-defaults --user=root --datadir="$data" --skip-networking \\
        --socket=/srv/socket > "$1" 2>&1 &
    server=$!
    for _ in $(seq 1200); do
        if sql --execute 'SELECT 1' > /dev/null 2>&1; then return; fi
        if ! kill -0 "$server"; then break; fi
        sleep 0.1
    done
    cat "$1"
    exit 1
}
stop() { sql --execute SHUTDOWN; wait "$server"; }
# What an empty sandbox gives cause for: it has no network and few file descriptors.
expected='retrieve the MAC address|max_open_files|WSREP|io_uring|native AIO'
clean() {
    if grep -E 'ERROR|Zerofilling|crash recovery' "$1"; then exit 1; fi
    if grep Warning "$1" | grep -vE "$expected"; then exit 1; fi
}
tables() {
    mariadb-check --user=root --password=secret --socket=/srv/socket --all-databases --check --extended > /srv/tables
    if grep -vE ' +OK$' /srv/tables; then exit 1; fi
    echo "sound tables: $(wc -l < /srv/tables)"
}

test ! -e /usr/bin/aria_chk
if dpkg-query --show libfaketime; then exit 1; fi
start /srv/first
tables
sql --execute "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, text TEXT);
    INSERT INTO shop.item SELECT seq, REPEAT('x', 400) FROM mysql.seq_1_to_20000; CREATE USER shopper"
kill -KILL "$server"
wait "$server" || true
clean /srv/first

start /srv/second
grep 'crash recovery' /srv/second
test "$(sql --execute 'SELECT COUNT(*), SUM(id) FROM shop.item')" = $'20000\\t200010000'
test "$(sql --execute "SELECT COUNT(*) FROM mysql.user WHERE User = 'shopper'")" = 1
tables
stop
start /srv/third
tables
stop
clean /srv/third
ls "$data"/aria_log_control
rm -r /srv/*
`;

test("a server starts clean on the element's data directory, finds every table sound, and recovers from kill -9", async () => {
  await using folder = await temporaryFolder();
  const hook = join(folder.path, 'check-database/finalise.d/50-check-database');
  await mkdir(join(hook, '..'), {recursive: true});
  await writeFile(hook, check);
  await chmod(hook, 0o755);
  const elements = `${folder.path}:${join(home, 'elements')}`;
  const args = ['-t', 'tar', '-o', join(folder.path, 'database'), 'container-debian', 'container-mariadb'];
  const run = await runTrovestack(['image', 'build', '--dib', '--verbose', ...args, 'check-database'], {
    env: {TROVESTACK_STORE: join(folder.path, 'store'), ELEMENTS_PATH: elements, DIB_RELEASE: 'trixie'},
  });
  expect(run, run.stderr.slice(-4000)).toMatchObject({exitCode: 0});
  const counts = [...run.stderr.matchAll(/sound tables: (\d+)/g)].map(([, count]) => Number(count));
  expect(counts[0]).toBeGreaterThan(25);
  expect(counts.slice(1)).toEqual([(counts[0] ?? 0) + 1, (counts[0] ?? 0) + 1]);
});
