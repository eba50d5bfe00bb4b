# SPDX-License-Identifier: BSD-2-Clause
"""The middlebox most people write first: scapy behind an NFQUEUE, taking the timestamps out of TCP
segments. scapy_queue.py NUMBER"""
import socket
import struct
import sys

from scapy.all import IP, TCP

BIND, CONFIG, VERDICT, PACKET = 1, 0x302, 0x301, 0x300
QUEUE = int(sys.argv[1])


def attribute(kind, data):
    return struct.pack("HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def message(kind, *attributes):
    body = struct.pack("!BBH", 0, 0, QUEUE) + b"".join(attributes)
    return struct.pack("IHHII", 16 + len(body), kind, 1, 0, 0) + body


netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
netlink.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)
netlink.bind((0, 0))
netlink.send(message(CONFIG, attribute(1, struct.pack("!BxH", BIND, 0))))
netlink.send(message(CONFIG, attribute(2, struct.pack("!IB", 0xffff, 2))))
print("up", flush=True)
while True:
    data = netlink.recv(1 << 17)
    length, kind = struct.unpack_from("IH", data)
    if kind != PACKET:
        continue
    found, at = {}, 20
    while at + 4 <= length:
        size, number = struct.unpack_from("HH", data, at)
        found[number] = data[at + 4:at + size]
        at += size + 3 & ~3
    packet = IP(found[10])
    packet[TCP].options = [option for option in packet[TCP].options if option[0] != "Timestamp"]
    del packet.len, packet.chksum, packet[TCP].dataofs, packet[TCP].chksum
    netlink.send(message(VERDICT, attribute(2, struct.pack("!I", 1) + found[1][:4]),
                         attribute(10, bytes(packet))))
