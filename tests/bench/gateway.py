"""How the gateway compares with a direct connection and with pgbouncer: `python tests/bench/gateway.py`.

One run, interleaved: on a noisy machine only ratios taken side by side mean anything. The gateway is what
is shipped: TLS, audit, analysis. pgbouncer (where it is installed) pools sessions, over TLS as well; the
direct connection has none, as the embedded server is built without. Needs `pgbench` of PostgreSQL with TLS.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from gov.demo.cluster import Cluster, free_port
from gov.demo.process import clean_environment
from gov.demo.sign_in import sign_in
from gov.demo.stage import Stage

BENCH_PASSWORD = "bench"
Environment = dict[str, str]
Found = dict[str, list[tuple[float, float]]]
"""By way, (transactions per second, latency in ms) of each round."""


def main() -> None:
    """Measure, and print a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", default="1,8", help="numbers of clients, with commas")
    parser.add_argument("--mode", default="prepared", help="pgbench's -M")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if not shutil.which("pgbench"):
        sys.exit("pgbench is not installed")
    with tempfile.TemporaryDirectory(prefix="gov-bench-") as directory, demo(Path(directory) / "demo") as stage:
        ways = {"direct": direct(stage), "gov": through_gov(stage)}
        with pgbouncer(Path(directory), stage) as bouncer:
            if bouncer:
                ways["pgbouncer"] = bouncer
            for clients in map(int, args.clients.split(",")):
                report(clients, args.mode, measure(ways, clients, args))


@contextmanager
def demo(directory: Path) -> Iterator[Stage]:
    """A demo of its own, gone afterwards."""
    stage = Stage(directory)
    stage.up(lambda line: print(f"# {line}", file=sys.stderr))
    try:
        yield stage
    finally:
        stage.down()


def direct(stage: Stage) -> Environment:
    """The database itself, as a role that may read pgbench's tables."""
    cluster = stage.cluster
    with psycopg.connect(cluster.admin_dsn_of("shop"), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE bench LOGIN PASSWORD '{BENCH_PASSWORD}'")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO bench")
    return environment(cluster, cluster.port) | {"PGSSLMODE": "disable"}


def environment(cluster: Cluster, port: int) -> Environment:
    """libpq's variables for the role `bench`."""
    return {
        "PGHOST": cluster.host, "PGPORT": str(port), "PGUSER": "bench", "PGPASSWORD": BENCH_PASSWORD,
        "PGDATABASE": "shop",
    }


def through_gov(stage: Stage) -> Environment:
    """A lease of alice's."""
    signed_in = clean_environment() | sign_in(stage, "alice") | {"PATH": os.environ["PATH"]}
    gov = Path(sys.executable).with_name("gov")
    asked = subprocess.run(
        [gov, "credentials", "prod", "--format", "json"], env=signed_in, check=True, capture_output=True, text=True
    )
    lease = json.loads(asked.stdout)
    return {key.upper(): str(value) for key, value in lease.items() if key.startswith("pg")}


@contextmanager
def pgbouncer(directory: Path, stage: Stage) -> Iterator[Environment | None]:
    """pgbouncer in session mode over TLS with the gateway's own certificate; None where it is not installed."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        yield None
        return
    cluster, port, keys = stage.cluster, free_port(), stage.directory / "keys"
    for name in ("server.pem", "server.key"):
        shutil.copy(keys / name, directory / name)
    (directory / "users.txt").write_text(f'"bench" "{BENCH_PASSWORD}"\n')
    (directory / "pgbouncer.ini").write_text(f"""
[databases]
shop = host={cluster.host} port={cluster.port} dbname=shop
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = scram-sha-256
auth_file = {directory}/users.txt
pool_mode = session
default_pool_size = 50
ignore_startup_parameters = extra_float_digits
client_tls_sslmode = require
client_tls_cert_file = {directory}/server.pem
client_tls_key_file = {directory}/server.key
unix_socket_dir =
logfile = {directory}/pgbouncer.log
""")
    command = [program, str(directory / "pgbouncer.ini")]
    if os.geteuid() == 0:
        shutil.chown(directory, "nobody")
        for file in directory.iterdir():
            if file.is_file():
                shutil.chown(file, "nobody")
        directory.chmod(0o755)
        command = [program, "-u", "nobody", str(directory / "pgbouncer.ini")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield environment(cluster, port) | {"PGSSLMODE": "require"}
    finally:
        process.terminate()
        process.wait()


def measure(ways: dict[str, Environment], clients: int, args: argparse.Namespace) -> Found:
    """Every way in turn, round by round."""
    found: Found = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, variables in ways.items():
            found[name].append(pgbench(variables, clients, args.mode, args.seconds))
    return found


def pgbench(variables: Environment, clients: int, mode: str, seconds: int) -> tuple[float, float]:
    """One run of `pgbench -n -S`."""
    command = ["pgbench", "-n", "-S", "-M", mode, "-c", str(clients), "-T", str(seconds)]
    done = subprocess.run(
        command, env=clean_environment() | {"PATH": os.environ["PATH"]} | variables, capture_output=True, text=True,
        check=False,
    )
    tps = re.search(r"tps = ([\d.]+)", done.stdout)
    latency = re.search(r"latency average = ([\d.]+)", done.stdout)
    if done.returncode or tps is None or latency is None:
        sys.exit(f"pgbench failed: {done.stderr}")
    return float(tps[1]), float(latency[1])


def report(clients: int, mode: str, found: Found) -> None:
    """Medians, and ratios of each round's neighbours."""
    print(f"pgbench -n -S -M {mode} -c {clients}")
    for name, rounds in found.items():
        tps = statistics.median(each[0] for each in rounds)
        latency = statistics.median(each[1] for each in rounds)
        print(f"  {name:10} {tps:9.0f} tps  {latency:7.3f} ms")
    for other in found:
        if other != "gov":
            ratios = [mine[0] / theirs[0] for mine, theirs in zip(found["gov"], found[other], strict=True)]
            middle = statistics.median(ratios)
            print(f"  gov / {other}: {middle:.2f} of its tps ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
