"""
BitTorrent without encryption, for measuring. All but `make` stay until they are killed, for ten minutes at most.

One to one on loopback: `give FILE TORRENT` writes the torrent, prints its port and seeds; `take FOLDER TORRENT PORT` prints
`ready`, fetches from that port into the folder once a line comes in, and prints how many bytes it then has.

A swarm: `make FILE TORRENT TRACKER_URL` writes the torrent. `track ADDRESS PORT MEMBERS` is the tracker: it prints `listening`,
then `ready` when so many members have asked for peers, and answers all of them once a line comes in, which starts the transfer.
Its members are `seed ADDRESS PORT TORRENT FOLDER` and `peer ADDRESS PORT TORRENT FOLDER`: a peer prints `complete` when it has all,
and then each of both answers every line that comes in with the bytes of payload that it has sent.
"""

import os
import signal
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import libtorrent as lt

LIFE_SECONDS = 600
POLL_SECONDS = 0.005
PIECE_BYTES = 1024 * 1024
SWARM_PIECE_BYTES = 256 * 1024
# Nobody asks again within a run.
ANNOUNCE_SECONDS = 3600

PLAIN = {
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
# For some ten members that all know each other and all want the file as soon as possible.
SWARM = PLAIN | {
    "alert_mask": lt.alert.category_t.status_notification,
    "connection_speed": 1000,
    "smooth_connects": False,
    "unchoke_slots_limit": 16,  # nobody is ever choked
    # Whoever asks the seed for what it sends in three seconds, as by default, asks for what others soon have.
    "request_queue_time": 1,
    # By default one who hangs is waited for a whole minute, and dialled again after another.
    "request_timeout": 10,
    "piece_timeout": 5,
    "min_reconnect_time": 1,
    "max_out_request_queue": 2000,
    "max_allowed_in_request_queue": 4000,
    "max_queued_disk_bytes": 64 * 1024 * 1024,
    "tracker_completion_timeout": LIFE_SECONDS,
    "tracker_receive_timeout": LIFE_SECONDS,
}


def start_session(endpoint, settings):
    return lt.session(settings | {"listen_interfaces": endpoint})


def make(file, torrent, tracker=None, piece_bytes=SWARM_PIECE_BYTES):
    files = lt.file_storage()
    lt.add_files(files, file)
    maker = lt.create_torrent(files, piece_bytes, lt.create_torrent.v1_only)
    if tracker:
        maker.add_tracker(tracker)
    lt.set_piece_hashes(maker, os.path.dirname(file))
    with open(torrent, "wb") as out:
        out.write(lt.bencode(maker.generate()))


def give(file, torrent):
    make(file, torrent, piece_bytes=PIECE_BYTES)
    session = start_session("127.0.0.1:0", PLAIN)
    flags = lt.torrent_flags.default_flags | lt.torrent_flags.seed_mode
    session.add_torrent({"ti": lt.torrent_info(torrent), "save_path": os.path.dirname(file), "flags": flags})
    print(session.listen_port(), flush=True)
    sys.stdin.read()


def take(folder, torrent, port):
    session = start_session("127.0.0.1:0", PLAIN)
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


def track(address, port, members):
    known, all_known, started = set(), threading.Event(), threading.Event()

    class Tracker(BaseHTTPRequestHandler):
        def do_GET(self):
            asker_port = int(parse_qs(urlsplit(self.path).query)["port"][0])
            asker = socket.inet_aton(self.client_address[0]) + struct.pack(">H", asker_port)
            known.add(asker)
            if len(known) == int(members):
                all_known.set()
            started.wait()
            body = lt.bencode({"interval": ANNOUNCE_SECONDS, "peers": b"".join(known - {asker})})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass  # nobody reads it

    server = ThreadingHTTPServer((address, int(port)), Tracker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("listening", flush=True)
    all_known.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    started.set()
    sys.stdin.read()


def seed(*where):
    session, handle = join(lt.torrent_flags.seed_mode, *where)
    answer_counts(handle)


def peer(*where):
    session, handle = join(lt.torrent_flags.update_subscribe, *where)
    while not any(isinstance(alert, lt.torrent_finished_alert) for alert in session.pop_alerts()):
        session.wait_for_alert(LIFE_SECONDS * 1000)
    print("complete", flush=True)
    answer_counts(handle)


def join(flags, address, port, torrent, folder):
    session = start_session(f"{address}:{port}", SWARM)
    return session, session.add_torrent({"ti": lt.torrent_info(torrent), "save_path": folder, "flags": flags})


def answer_counts(handle):
    for _ in sys.stdin:
        print(handle.status().total_payload_upload, flush=True)


signal.alarm(LIFE_SECONDS)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a traceback
ROLES = {"give": give, "take": take, "make": make, "track": track, "seed": seed, "peer": peer}
ROLES[sys.argv[1]](*sys.argv[2:])
