"""Every word a person can type after `gov`: where it lives, what it does, an example.

A word's module is imported only when the word is used, so this table is all that `gov --help`
and completion need to know.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One command. Its module holds `run` (a function) or `app` (a `typer.Typer` with words of its own)."""

    module: str
    help: str
    """One line for `gov --help`."""
    section: str
    examples: tuple[str, ...]
    """Lines to paste, shown at the end of the word's own help."""


_IN, _RUN, _ASK, _OPEN, _TRAIL, _HOUSE = (
    "Getting in", "Working", "Approvals", "What is open", "Rules and trail", "Running gov",
)

WORDS: dict[str, Word] = {
    "login": Word("login", "Sign in with your organisation's account.", _IN,
                  ("gov login https://gov.example.com",)),
    "logout": Word("logout", "Forget the sign-in on this machine.", _IN, ("gov logout",)),
    "whoami": Word("whoami", "Say who the broker takes you for.", _IN, ("gov whoami", "gov whoami --json")),
    "status": Word("status", "Show sign-in, leases, sessions and the broker's health.", _IN, ("gov status",)),
    "targets": Word("targets", "List the databases you may ask for.", _IN, ("gov targets",)),
    "connect": Word("connect", "Open a governed prompt, or run any tool against a target.", _RUN,
                    ("gov connect prod",
                     "gov connect prod --scope write --reason 'fix order 7'",
                     "gov connect prod --client psql",
                     "gov connect prod -- pg_dump --schema-only")),
    "exec": Word("exec", "Run statements and print what comes back.", _RUN,
                 ("gov exec prod -c 'select * from customers limit 3'",
                  "gov exec prod -c 'select * from orders where id = :id' -p id=7 --format json",
                  "gov exec prod -f report.sql -o report.csv",
                  "gov exec prod --no-wait -c 'drop table orders'",
                  "gov exec prod --request rq-k3v9tz")),
    "dataset": Word("dataset", "Have a query approved for a purpose, and read it until it expires.", _RUN,
                    ("gov dataset request churn-v4 --target prod --purpose train:churn -f churn.sql --expires 30d",
                     "gov dataset list", "gov dataset export churn-v4 -o churn.parquet --run-id churn-v4:7",
                     "gov dataset export churn-v4 -o churn --readers 4 --by id")),
    "credentials": Word("credentials", "Take a lease for any other program.", _RUN,
                        ('eval "$(gov credentials prod --format env)"',
                         "gov credentials prod --format uri")),
    "proxy": Word("proxy", "Serve a target on a local socket, for tools without TLS or passwords.", _RUN,
                  ("gov proxy prod", "gov proxy prod --socket /tmp/prod --scope write --reason 'fix order 7'",
                   "gov proxy prod --port 15432", "psql -h /tmp/prod shop")),
    "requests": Word("requests", "List approval requests, yours and those you may answer.", _ASK,
                     ("gov requests", "gov requests --watch", "gov requests --all --json")),
    "approve": Word("approve", "Let a held statement run.", _ASK,
                    ("gov approve", "gov approve rq-k3v9tz", "gov approve rq-k3v9tz --max-rows 10 --yes")),
    "deny": Word("deny", "Refuse a held statement, and say why.", _ASK,
                 ("gov deny rq-k3v9tz --reason 'use the archive job'",)),
    "explain": Word("explain", "Show what policy makes of a statement; it is not run.", _ASK,
                    ("gov explain prod -c 'drop table orders'",)),
    "why": Word("why", "Show what was last refused to you, and how to get it.", _ASK, ("gov why", "gov why --json")),
    "leases": Word("leases", "List leases, and end one.", _OPEN,
                   ("gov leases", "gov leases --all --json", "gov leases end ls-k3v9tz")),
    "sessions": Word("sessions", "List open sessions.", _OPEN, ("gov sessions",)),
    "kill": Word("kill", "End a session, a lease, or all of somebody's at once.", _OPEN,
                 ("gov kill ss-4jz0q8w2m1vd", "gov kill --user alice")),
    "audit": Word("audit", "Search, show and verify the trail.", _TRAIL,
                  ("gov audit search --column public.customers.email", "gov audit verify")),
    "receipt": Word("receipt", "Show and verify where a file came from.", _TRAIL,
                    ("gov receipt verify churn.parquet", "gov receipt show churn.parquet --json",
                     "gov receipt issue customers.csv")),
    "trace": Word("trace", "Show where data came from, what became of it, and who approved it.", _TRAIL,
                  ("gov trace customers.email", "gov trace prod:public.customers --table --down",
                   "gov trace report.parquet", "gov trace --user alice", "gov trace --run churn-v4",
                   "gov trace customers.email --format svg -o lineage.svg",
                   "gov trace customers.email --to http://localhost:5000/api/v1/lineage")),
    "policy": Word("policy", "Check and show policy.", _TRAIL, ("gov policy check policy.yaml",)),
    "discover": Word("discover", "Propose which columns are sensitive.", _TRAIL,
                     ("gov discover prod", "gov discover prod --relation 'public.*' -o proposed.yaml",
                      "gov discover prod --rows 0 --json")),
    "broker": Word("broker", "Set up, run and inspect the broker.", _HOUSE,
                   ("gov broker serve --config broker.yaml",)),
    "demo": Word("demo", "Everything on one machine, with a story to try.", _HOUSE,
                 ("gov demo", "gov demo tour", "gov demo up --json --dir /tmp/demo")),
    "completion": Word("completion", "Print the completion script of a shell.", _HOUSE,
                       ('source <(gov completion bash)',)),
}
