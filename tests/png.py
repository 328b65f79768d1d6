#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# png.py FILE: "WIDTH HEIGHT COLOURS" of a PNG with 8 bits a sample that is not interlaced, whole
# and as its checksums say.
import struct
import sys
import zlib

data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
at, kind, packed = 8, None, b""
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + n]
    assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0], kind
    if kind == b"IHDR":
        width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", body)
        assert depth == 8 and not interlaced
    elif kind == b"IDAT":
        packed += body
    at += n + 12
assert kind == b"IEND"
samples = {0: 1, 2: 3, 4: 2, 6: 4}[color]
pixels = zlib.decompress(packed)
size = width * samples
assert len(pixels) == (size + 1) * height
above, colours = bytes(size), set()


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


for y in range(height):
    how, line = pixels[y * (size + 1)], bytearray(pixels[y * (size + 1) + 1:(y + 1) * (size + 1)])
    for x in range(size if how else 0):
        left, corner = (line[x - samples], above[x - samples]) if x >= samples else (0, 0)
        add = (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[how]
        line[x] = (line[x] + add) & 255
    colours |= {bytes(line[x:x + samples]) for x in range(0, size, samples)}
    above = bytes(line)
print(width, height, len(colours))
