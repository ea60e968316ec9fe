"""
The long line of a network: `wire.py NAME DELAY_MS LOSS OFFLOAD` makes the tun device NAME in its network namespace and says
`ready`; what is routed into it comes out again after so long, but for the part that is lost. For kernels without netem. With
OFFLOAD 1 what TCP has gathered into one piece of up to 64 KiB stays in one piece: a fraction of the work, but neither loss nor
byte counts are then those of a real line.
"""

import fcntl
import gc
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
MAX_PACKET_BYTES = 10 + 65_535
# Packets that are due are looked for so often: the error of the delay.
TICK_S = 0.0005


def open_tun(name, offload):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TUN | IFF_NO_PI | (IFF_VNET_HDR if offload else 0)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    if offload:
        fcntl.ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    return tun


def carry(tun, delay, loss):
    under_way = deque()
    while True:
        if under_way:
            time.sleep(TICK_S)
        else:
            select.select([tun], [], [])
        now = time.monotonic()
        try:
            while True:
                packet = os.read(tun, MAX_PACKET_BYTES)
                if loss == 0 or random.random() >= loss:
                    under_way.append((now + delay, packet))
        except BlockingIOError:
            pass  # all is read
        while under_way and under_way[0][0] <= now:
            try:
                os.write(tun, under_way.popleft()[1])
            except OSError:
                pass  # the device is down, or the packet is one that the kernel does not take: lost, as on a line


gc.disable()  # nothing here is a cycle
os.nice(-20)  # a line does not wait for the processes that use it
wire = open_tun(sys.argv[1], sys.argv[4] == "1")
print("ready", flush=True)
carry(wire, float(sys.argv[2]) / 1000, float(sys.argv[3]))
