"""
One end of a BitTorrent transfer without encryption, for measuring: `bittorrent.py give FILE TORRENT` writes the torrent, prints its
port and seeds; `bittorrent.py take FOLDER TORRENT PORT` prints `ready`, fetches from that port into the folder once a line comes in,
and prints how many bytes it then has. Both stay until they are killed.
"""

import os
import sys
import time

import libtorrent as lt

POLL_SECONDS = 0.005
PIECE_BYTES = 1024 * 1024


def start_session():
    return lt.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "in_enc_policy": lt.enc_policy.pe_disabled,
            "out_enc_policy": lt.enc_policy.pe_disabled,
            "mixed_mode_algorithm": lt.bandwidth_mixed_algo_t.prefer_tcp,
        }
    )


def give(file, torrent):
    files = lt.file_storage()
    lt.add_files(files, file)
    maker = lt.create_torrent(files, PIECE_BYTES, lt.create_torrent.v1_only)
    lt.set_piece_hashes(maker, os.path.dirname(file))
    with open(torrent, "wb") as out:
        out.write(lt.bencode(maker.generate()))
    session = start_session()
    flags = lt.torrent_flags.default_flags | lt.torrent_flags.seed_mode
    session.add_torrent({"ti": lt.torrent_info(torrent), "save_path": os.path.dirname(file), "flags": flags})
    print(session.listen_port(), flush=True)
    sys.stdin.read()


def take(folder, torrent, port):
    session = start_session()
    handle = session.add_torrent({"ti": lt.torrent_info(torrent), "save_path": folder})
    while handle.status().state == lt.torrent_status.checking_resume_data:
        time.sleep(POLL_SECONDS)
    print("ready", flush=True)
    sys.stdin.readline()
    handle.connect_peer(("127.0.0.1", int(port)))
    while not handle.status().is_seeding:
        time.sleep(POLL_SECONDS)
    print(handle.status().total_wanted_done, flush=True)
    sys.stdin.read()


{"give": give, "take": take}[sys.argv[1]](*sys.argv[2:])
