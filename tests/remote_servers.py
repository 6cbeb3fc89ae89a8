"""Servers of remote files that really run, on this machine and for one test session: S3, SFTP, the web."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

SSHD = shutil.which("sshd") or next((p for p in ("/usr/sbin/sshd",) if Path(p).is_file()), None)
NGINX = shutil.which("nginx") or next((p for p in ("/usr/sbin/nginx",) if Path(p).is_file()), None)
USER, PASSWORD = "reader", "open-sesame"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, **options: object) -> Iterator[None]:
    """A server in a process of its own, once it listens."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, **options)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                pytest.skip(f"{command[0]} does not start: {log.read_text()[-300:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def s3_server(files: Path) -> Iterator[str]:
    """Its address: moto's server, which speaks the protocol of S3. The files lie in s3://archive/in/."""
    moto = pytest.importorskip("moto.server", reason="moto[s3], flask and flask-cors are not installed")
    boto3 = pytest.importorskip("boto3")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with urlopen(Request(f"{address}/moto-api/reset", method="POST")):  # of an earlier one in this process
        pass
    client = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket="archive")
    for path in files.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "archive", f"in/{path.relative_to(files).as_posix()}")
    try:
        yield address
    finally:
        server.stop()


@contextlib.contextmanager
def gs_server() -> Iterator[str]:
    """Its address: an emulator of Google's storage, with a bucket `archive`."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator is not installed")
    port = free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="archive")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def sftp_server(folder: Path) -> Iterator[str]:
    """Beginning of its URLs: OpenSSH's own, with one key that may come in. `folder` / home is a user's home folder."""
    if SSHD is None:
        pytest.skip("there is no sshd (Debian: openssh-server)")
    home = folder / "home"
    ssh = home / ".ssh"
    ssh.mkdir(parents=True, mode=0o700)
    for key in (ssh / "id_ed25519", folder / "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = free_port()
    public = (folder / "host_key.pub").read_text().split()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    shutil.copyfile(ssh / "id_ed25519.pub", folder / "authorized_keys")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host_key'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    with running([SSHD, "-D", "-e", "-f", str(config)], port, folder / "sshd.log"):
        yield f"sftp://127.0.0.1:{port}"


@contextlib.contextmanager
def web_server(folder: Path, files: Path) -> Iterator[str]:
    """Its address: nginx. Below /open/ files with an index, below /closed/ none, below /secret/ for `USER` only."""
    if NGINX is None:
        pytest.skip("there is no nginx (Debian: nginx-light)")
    port = free_port()
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    user = "user root;\n" if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    config.write_text(
        f"{user}daemon off;\nerror_log stderr;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n access_log off;\n"
        + "".join(f" {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        + f" server {{\n listen 127.0.0.1:{port};\n  location /open/ {{ alias {files}/; autoindex on; }}\n"
        f"  location /closed/ {{ alias {files}/; }}\n"
        f"  location /secret/ {{ alias {files}/; autoindex on; auth_basic x; auth_basic_user_file {folder}/users; }}\n"
        " }\n}\n"
    )
    with running([NGINX, "-p", str(folder), "-e", "stderr", "-c", str(config)], port, folder / "nginx.log"):
        yield f"http://127.0.0.1:{port}"


@dataclass
class Line:
    """A bad connection to a server: what it does to the connections that come, one word each; then it is sound.

    ``"cut"``: breaks off after some bytes of the answer; ``"stall"``: says nothing more after them; ``"refuse"``:
    closes at once.
    """

    port: int
    target: int
    faults: list[str] = field(default_factory=list)
    after: int = 4096
    n_connections: int = 0


@contextlib.contextmanager
def bad_line(address: str) -> Iterator[Line]:
    """A connection to a server on which things go wrong."""
    target = int(address.rpartition(":")[2])

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            line.n_connections += 1
            fault = line.faults.pop(0) if line.faults else ""
            if fault == "refuse":
                return
            with socket.create_connection(("127.0.0.1", target)) as server:
                asking = threading.Thread(target=_copy, args=(self.request, server, None), daemon=True)
                asking.start()
                _copy(server, self.request, line.after if fault else None)
                if fault == "stall":
                    over.wait(30)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, block_on_close = True, True, False

    over = threading.Event()
    with Server(("127.0.0.1", 0), Handler) as server:
        line = Line(port=server.server_address[1], target=target)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield line
        finally:
            over.set()
            server.shutdown()


def _copy(source: socket.socket, sink: socket.socket, most: int | None) -> None:
    left = most
    with contextlib.suppress(OSError):
        while left is None or left > 0:
            data = source.recv(65536 if left is None else min(65536, left))
            if not data:
                break
            sink.sendall(data)
            left = None if left is None else left - len(data)
        if most is None:
            sink.shutdown(socket.SHUT_WR)
