"""Django through the gateway: inspectdb, and the ORM over the tables as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live.wire import Lease

pytest.importorskip("django")

PROGRAM = '''
import json, sys
from io import StringIO

import django
from django.conf import settings

lease = json.load(sys.stdin)
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": lease["pgdatabase"], "USER": lease["pguser"],
        "PASSWORD": lease["pgpassword"], "HOST": lease["pghost"], "PORT": lease["pgport"],
        "OPTIONS": {"sslmode": lease["pgsslmode"], "sslrootcert": lease["pgsslrootcert"]},
    }},
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command
from django.db import ProgrammingError, connection, models, transaction

out = StringIO()
call_command("inspectdb", stdout=out)
inspected = out.getvalue()


class Meta:
    app_label, managed = "shop", False


class Customer(models.Model):
    full_name, email, dob, notes = models.TextField(), models.TextField(), models.DateField(), models.JSONField()
    Meta = type("Meta", (Meta,), {"db_table": "customers"})


class Order(models.Model):
    id = models.AutoField(primary_key=True)
    customer = models.ForeignKey(Customer, models.DO_NOTHING)
    amount, status = models.DecimalField(max_digits=12, decimal_places=2), models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    Meta = type("Meta", (Meta,), {"db_table": "orders"})


found = {"inspected": inspected, "version": django.get_version()}
found["tables"] = connection.introspection.table_names()
one = Customer.objects.get(pk=1)
found["customer"] = [one.email, str(one.dob), one.notes]
found["by name"] = list(Customer.objects.filter(full_name__istartswith="sam").order_by("id").values_list("email")[:1])
found["by status"] = {row["status"]: row["n"] for row in Order.objects.values("status").annotate(n=models.Count("id"))}
found["joined"] = Order.objects.filter(customer__email__startswith="s", status="paid").count() > 0
found["streamed"] = sum(1 for _ in Order.objects.values_list("id").iterator(chunk_size=20_000))

with transaction.atomic():
    order = Order.objects.create(customer_id=1, amount=1, status="new")
    order.status = "paid"
    order.save()
    again = Order.objects.select_for_update().get(pk=order.pk)
    found["round trip"] = [order.pk > 100_000, again.status]
    Order.objects.bulk_create([Order(customer_id=1, amount=n, status="bulk") for n in range(20)])
    found["bulk"] = Order.objects.filter(status="bulk").update(status="done")
    order.delete()
    transaction.set_rollback(True)

try:
    with transaction.atomic():
        one.full_name = "Somebody Else"
        one.save()
except ProgrammingError as error:
    found["saved back"] = str(error)
with transaction.atomic():
    one.save(update_fields=["full_name"])
    transaction.set_rollback(True)
json.dump(found, sys.stdout)
'''


@pytest.fixture(scope="module")
def found(writer: Lease, as_user: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the program has found, in Alice's write scope; in a process of its own, since settings are for ever."""
    script: Path = tmp_path_factory.mktemp("django") / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)], env=as_user("alice"), input=json.dumps(writer),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_inspectdb(found: Any) -> None:
    """A model for each table, with keys, types and relations; masked columns are there as well."""
    inspected = found["inspected"]

    for model in ("Customers", "Orders", "Payments", "Products", "PgbenchAccounts", "PgbenchHistory"):
        assert f"class {model}(models.Model):" in inspected
    assert "email = models.TextField(" in inspected
    assert "dob = models.DateField(" in inspected
    assert "notes = models.JSONField(" in inspected
    assert "customer = models.ForeignKey(Customers, models.DO_NOTHING)" in inspected
    assert "Unable to inspect" not in inspected
    assert {"customers", "orders", "payments"} <= set(found["tables"])


def test_queries(found: Any) -> None:
    """Lookups, aggregates, joins and streaming; masked values arrive masked, of their own type."""
    assert found["customer"] == ["s***@e***.com", "1970-01-01", {"tier": "silver", "newsletter": False}]
    assert found["by name"] == [["s***@e***.com"]]
    assert sum(found["by status"].values()) == 100_000
    assert found["joined"] is True
    assert found["streamed"] == 100_000


def test_changes(found: Any) -> None:
    """Create, save, lock, bulk and delete, in a transaction that is rolled back."""
    assert found["round trip"] == [True, "paid"]
    assert found["bulk"] == 20


def test_saving_back_what_was_masked(found: Any) -> None:
    """`save()` writes every column, masks too, so it is refused; `update_fields` is the way."""
    assert "the update would overwrite public.customers." in found["saved back"]
