import type {Sha256} from '../base/index.js';

/** Where a sandbox sees what apt asks us with: programs, configuration, the socket, and below `files` what is answered. */
export const aptPlace = '/tmp/trovestack-packages';

/** A file that apt wants. */
export interface AptRequest {
  readonly address: string;
  /** Known from an index that apt has verified; undefined for an index's own root. */
  readonly sha256: Sha256 | undefined;
}

/** `file` is a name below `<aptPlace>/files`. */
export type AptAnswer =
  | {readonly kind: 'file'; readonly file: string; readonly sha256: Sha256; readonly sizeBytes: number}
  | {readonly kind: 'none'; readonly problem: string};

/** A line from the method, members apart by tabs. */
export function parseAptRequest(line: string): AptRequest {
  const [address = '', sha256 = ''] = line.split('\t');
  return {address, sha256: sha256 === '' ? undefined : (sha256 as Sha256)};
}

/** A line to the method. */
export function formatAptAnswer({address}: AptRequest, answer: AptAnswer): string {
  const members =
    answer.kind === 'file'
      ? [address, 'file', answer.file, answer.sha256, answer.sizeBytes]
      : [address, 'none', answer.problem.replace(/\s+/g, ' ')];
  return `${members.join('\t')}\n`;
}

/** apt's configuration in a sandbox.
 * @param isSigned Whether the indexes have the archive's signatures; those made from a lock have the lock's digests instead.
 */
export function aptConfiguration(isSigned: boolean): string {
  const settings = {
    'Dir::Bin::Methods::http': `${aptPlace}/fetch`,
    'Dir::Bin::Methods::https': `${aptPlace}/fetch`,
    // An index is taken as it was pinned, however old it is by now.
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Check-Date': 'false',
    ...(isSigned ? {} : {'Acquire::AllowInsecureRepositories': 'true', 'APT::Get::AllowUnauthenticated': 'true'}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} "${value}";\n`)
    .join('');
}

/** Stands before the tools root's apt-get: mmdebstrap gives that a configuration of its own. */
export const aptGetProgram = `#!/bin/sh
if [ -e ${aptPlace}/apt.conf ]; then exec /usr/bin/apt-get -c ${aptPlace}/apt.conf "$@"; fi
exec /usr/bin/apt-get "$@"
`;

/** apt's method for http and https: hands each request to us through a socket, since a step needs no network for it, and
 * puts the answer where apt wants it. Perl, since every Debian root file system has it before anything else.
 * @see method interface: /usr/share/doc/libapt-pkg-doc/method.text
 */
export const aptMethodProgram = `#!/usr/bin/perl
use strict;
use warnings;
use Socket;

$| = 1;
my $place = '${aptPlace}';
my (%wanted, $from_apt, $from_us);
$from_apt = $from_us = '';
socket(my $socket, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
connect($socket, sockaddr_un("$place/socket")) or die "connect: $!";
message('100 Capabilities', 'Version: 1.2', 'Pipeline: true', 'Single-Instance: true');

while (1) {
    my $set = '';
    vec($set, fileno(STDIN), 1) = 1;
    vec($set, fileno($socket), 1) = 1;
    next if select(my $ready = $set, undef, undef, undef) < 0;
    if (vec($ready, fileno(STDIN), 1)) {
        last unless sysread(STDIN, $from_apt, 65536, length $from_apt);
        while ($from_apt =~ s/^(.*?)\\n\\n+//s) { request($1) }
    }
    if (vec($ready, fileno($socket), 1)) {
        last unless sysread($socket, $from_us, 65536, length $from_us);
        while ($from_us =~ s/^(.*)\\n//) { answer(split /\\t/, $1) }
    }
}

sub message { print join("\\n", @_), "\\n\\n" }

sub request {
    my ($head, @lines) = split /\\n/, shift;
    return unless $head =~ /^600 /;
    my %member = map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } @lines;
    push @{$wanted{$member{uri}}}, $member{filename};
    my $line = join("\\t", $member{uri}, $member{'expected-sha256'} // '') . "\\n";
    while (length $line) {
        my $sent = syswrite($socket, $line) // die "send: $!";
        substr($line, 0, $sent) = '';
    }
}

sub answer {
    my ($uri, $kind, $file, $digest, $size) = @_;
    for my $to (@{delete $wanted{$uri} // []}) {
        my $problem = $kind eq 'file' ? copy("$place/files/$file", $to) : $file;
        if (defined $problem) {
            message('400 URI Failure', "URI: $uri", "Message: $problem", 'FailReason: HttpError404', 'Fail-Ignore: true');
            next;
        }
        message('200 URI Start', "URI: $uri", "Size: $size");
        message('201 URI Done', "URI: $uri", "Filename: $to", "Size: $size", "SHA256-Hash: $digest", "Checksum-FileSize-Hash: $size");
    }
}

sub copy {
    my ($from, $to) = @_;
    unlink $to;
    open(my $in, '<:raw', $from) or return "$from: $!";
    open(my $out, '>:raw', $to) or return "$to: $!";
    while (1) {
        my $count = sysread($in, my $block, 1 << 20) // return "$from: $!";
        last if $count == 0;
        syswrite($out, $block) == $count or return "$to: $!";
    }
    close $out or return "$to: $!";
    return undef;
}
`;
