"""The files that `gov broker init` writes: complete, commented, and valid as they are."""

BROKER = """\
# The broker's configuration. What each key means: docs/broker.md
# Relative paths are relative to this file. An unknown key is an error.

listen: { gateway: 0.0.0.0:6432, api: 0.0.0.0:8443 }

# How clients reach it. The certificate names these hosts, and `gov credentials` prints the gateway.
public: { gateway: gov.example.com:6432, api: https://gov.example.com:8443 }

# Left out: the broker makes a CA of its own at first start and hands its root to its clients.
# tls: { certificate: /etc/gov/chain.pem, key: /etc/gov/key.pem }

# Who is believed. Clients log in at the first; CI systems and clusters can follow.
identity:
  - issuer: https://id.example.com/realms/acme
    client_id: gov-cli
    audience: gov
    groups_claim: groups
    algorithms: [RS256]

# Leases and approval requests. Three slashes: relative to this file; four: absolute.
state: sqlite:///state.db
# The broker's own keys, 0700. Whoever has them is the broker: back them up, guard them.
keys: keys
audit: { directory: audit }

# Several files merge. They are taken up again when they change, and on SIGHUP.
policy: [policy.yaml]

# Who is told of approval requests; which of them hears what is the policy's `notify`.
# webhooks:
#   soc: { to: https://soc.example.com/hooks/gov, key: soc.key }
#   dba-channel: { to_file: slack.url, format: slack }

# What a target needs is printed by: gov broker bootstrap prod --config broker.yaml --owner OWNER
# The password comes from ~/.pgpass or a passfile in the dsn.
targets:
  prod: { dsn: "host=db.internal dbname=shop user=gov_broker", tls: verify-full, environment: production }
"""

POLICY = """\
# Who may do what. Check a change with: gov policy check policy.yaml
# Forbids outweigh, unknown denies, and each touched table needs a rule.
version: 1

# Which columns hold what. Unclassified columns are clear.
classify:
  - { columns: ["*.*.email", "*.*.phone"], as: pii.contact }
  - { columns: ["*.*.ssn", "*.*.credit_card", "*.*.dob"], as: pii.secret }

# Who may have a lease. Without `relations` a rule means all tables outside system schemas.
access:
  - { name: engineers-read, groups: [engineering], targets: [prod], scope: read, max_ttl: 8h }
  - name: engineers-write
    groups: [engineering]
    targets: [prod]
    scope: write
    max_ttl: 1h
    reason: required
  - { name: dba-admin, groups: [dba], targets: [prod], scope: admin, max_ttl: 1h, reason: required }

# What of it is seen masked, and by whom not.
masking:
  - { name: contact-is-partial, data: pii.contact, with: partial, except: { groups: [privacy] } }
  - { name: secrets-are-hidden, data: pii.secret, with: redact }

# What waits for somebody's word, and what never runs.
guardrails:
  - name: destructive-needs-dba
    when: { effects: [drop, truncate, alter], environment: production }
    then: hold
    approvers: [dba]
    expires: 15m
  - name: unbounded-write
    when: { effects: [update, delete], where: missing }
    then: hold
    approvers: [dba]
  - name: no-server-files
    when: { effects: [server_file, program, network] }
    then: deny
    message: "the database host is not a file share; ask the platform team"

# Who reads the whole trail, who ends other people's leases, who accepts policy.
roles:
  auditor: { groups: [security] }
  operator: { groups: [dba] }
  policy_admin: { groups: [security] }
"""
