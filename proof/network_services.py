"""What a cloud's network offers a guest under proof: a name server, and the metadata service.

Usage: network_services.py DRIVE_FOLDER NAME ADDRESS
Answers for NAME with ADDRESS and for nothing else; serves the content of the config drive as Nova's metadata service does.
Tells on file descriptor 3 the first time that each is asked. Only the standard library: it is up before anything else.
"""

import http.server
import json
import os
import socket
import struct
import sys
import threading

METADATA_ADDRESS = "169.254.169.254"
TYPE_A, CLASS_IN = 1, 1
NO_ERROR, NAME_ERROR = 0, 3

told = set()


def tell_once(milestone):
    if milestone not in told:
        told.add(milestone)
        os.write(3, f'TROVESTACK {json.dumps({"milestone": milestone})}\n'.encode())


def read_question(packet):
    """The name asked for, its type, and where the question ends. A question has no compressed names (RFC 1035, 4.1.2)."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    kind, _class = struct.unpack_from("!HH", packet, at + 1)
    return ".".join(labels), kind, at + 5


def answer(packet, known_name, address):
    name, kind, end = read_question(packet)
    is_known = name == known_name
    if is_known:
        tell_once("name asked")
    answers = 1 if is_known and kind == TYPE_A else 0
    flags = 0x8580 | (NO_ERROR if is_known else NAME_ERROR)
    reply = packet[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0) + packet[12:end]
    if answers:
        reply += struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, 60, 4) + socket.inet_aton(address)
    return reply


def serve_names(name, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        while True:
            packet, client = server.recvfrom(4096)
            try:
                server.sendto(answer(packet, name, address), client)
            except (IndexError, struct.error):
                print(f"no question: {packet!r}", file=sys.stderr)


class Metadata(http.server.SimpleHTTPRequestHandler):
    """/openstack lists the versions there are, as Nova does; the rest are files."""

    def do_GET(self):
        tell_once("metadata asked")
        if self.path.rstrip("/") != "/openstack":
            super().do_GET()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"latest\n")


def main():
    folder, name, address = sys.argv[1:]
    threading.Thread(target=serve_names, args=(name, address), daemon=True).start()

    def handler(*args):
        return Metadata(*args, directory=folder)

    http.server.ThreadingHTTPServer((METADATA_ADDRESS, 80), handler).serve_forever()


main()
